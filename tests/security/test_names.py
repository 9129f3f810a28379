"""Names of users and rooms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatd.security.names import (
    FORBIDDEN,
    BadName,
    choose_room_name,
    choose_user_name,
    room_name,
    user_name,
)

USER_NAMES = [user_name, choose_user_name]
ROOM_NAMES = [room_name, choose_room_name]
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

Rule = Callable[[str], str]


def refusal(rule: Rule, raw: str) -> str:
    """The sentence that refuses `raw`."""
    with pytest.raises(BadName) as refused:
        rule(raw)
    sentence = str(refused.value)
    assert re.fullmatch(r"[A-Z][^\n]{8,160}\.", sentence)
    return sentence


@pytest.mark.parametrize("rule", USER_NAMES)
@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("alice", "alice"),
        ("Alice", "alice"),
        ("ALICE", "alice"),
        ("Ａｌｉｃｅ", "alice"),
        ("bob-42_x.y", "bob-42_x.y"),
        ("o'neil", "o'neil"),
        ("7", "7"),
        ("-", "-"),
        ("a~b", "a~b"),
        ("CAFÉ", "café"),
        ("cafe\u0301", "café"),
        ("STRAẞE", "straße"),
        ("Иван", "иван"),
        ("ΕΛΕΝΗΣ", "ελενης"),
        ("ﾀﾅｶ", "タナカ"),
        ("ｶﾞ", "ガ"),
        ("李小龍", "李小龍"),
        ("たなか太郎", "たなか太郎"),
        ("محمد1", "محمد1"),
        ("\u1112\u1161\u11ab", "한"),
    ],
)
def test_width_case_and_composition_are_folded(rule: Rule, raw: str, name: str) -> None:
    assert rule(raw) == name


def test_the_examples_of_rfc_8265() -> None:
    """Section 3.5; our own rules refuse its `juliet@example.com`."""
    for name in ("fussball", "fu\u00dfball", "\u03c0", "\u03c3", "\u03c2"):
        assert choose_user_name(name) == name
    assert user_name("\u03a3") == "\u03c3"
    for bad in ("foo bar", "", "henry\u2163", "\u265a", "\u221e", "juliet@example.com"):
        refusal(user_name, bad)


@given(ANY)
def test_a_name_is_its_own_normal_form(raw: str) -> None:
    try:
        name = user_name(raw)
    except BadName:
        return
    assert user_name(name) == name
    assert 1 <= len(name) <= 32
    assert unicodedata.is_normalized("NFC", name) and name == name.lower()
    assert not set(name) & set(FORBIDDEN) and not any(char.isspace() for char in name)
    assert room_name("#" + raw) == "#" + name


@given(st.text(st.characters(max_codepoint=127), max_size=70))
def test_ascii_names_take_no_short_cut_around_a_rule(raw: str) -> None:
    allowed = re.fullmatch(r"[!-~]{1,32}", raw) and not re.search(r"^~|[|#@*/\\:,=]", raw)
    if allowed:
        assert user_name(raw) == choose_user_name(raw) == raw.lower()
    else:
        refusal(user_name, raw)


@pytest.mark.parametrize("rule", USER_NAMES)
@pytest.mark.parametrize("char", FORBIDDEN)
def test_the_forbidden_characters_are_refused_and_named(rule: Rule, char: str) -> None:
    fullwidth = chr(ord(char) + 0xFEE0)
    for raw in (f"a{char}b", f"{char}a", f"a{char}", char, f"a{fullwidth}b", f"ж{char}"):
        assert repr(char) in refusal(rule, raw)


def test_no_white_space_at_all_is_let_in() -> None:
    spaces = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    assert len(spaces) > 20
    for space in spaces:
        for raw in (f"a{space}b", f"{space}a", f"a{space}", space):
            assert "white space" in refusal(user_name, raw)


@pytest.mark.parametrize("rule", USER_NAMES)
@pytest.mark.parametrize("raw", ["~erased", "~", "～erased", "~~x"])
def test_a_tilde_in_front_is_the_servers(rule: Rule, raw: str) -> None:
    assert "begins with '~'" in refusal(rule, raw)


@pytest.mark.parametrize("rule", USER_NAMES)
@pytest.mark.parametrize("letter", ["x", "X", "ж", "é", "e\u0301", "ᾂ", "田", "\u1112\u1161\u11ab"])
def test_a_user_name_has_1_to_32_characters_in_its_normal_form(rule: Rule, letter: str) -> None:
    assert len(rule(letter * 32)) == 32
    assert "32 characters" in refusal(rule, letter * 33)
    assert "empty" in refusal(rule, "")


@pytest.mark.parametrize("rule", ROOM_NAMES)
@pytest.mark.parametrize("letter", ["x", "X", "ж", "α\u0313\u0300\u0345"])
def test_a_room_name_has_1_to_64_characters_after_the_sign(rule: Rule, letter: str) -> None:
    assert len(rule("#" + letter * 64)) == 65
    assert "64 characters" in refusal(rule, "#" + letter * 65)
    assert "empty" in refusal(rule, "#")


def test_a_name_of_a_whole_line_is_refused_unread() -> None:
    for letter in ("x", "ж", "\u0301", "\u200d", "|"):
        assert "32 characters" in refusal(user_name, letter * 60_000)
        assert "64 characters" in refusal(room_name, "#" + letter * 60_000)


@pytest.mark.parametrize("rule", ROOM_NAMES)
@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("#lobby", "#lobby"),
        ("#Lobby", "#lobby"),
        ("#Ｂüro", "#büro"),
        ("#たなか太郎", "#たなか太郎"),
    ],
)
def test_room_names_follow_the_rules_of_user_names(rule: Rule, raw: str, name: str) -> None:
    assert rule(raw) == name


@pytest.mark.parametrize("rule", ROOM_NAMES)
@pytest.mark.parametrize("raw", ["", "lobby", "＃lobby", " #lobby", "@lobby"])
def test_a_room_name_begins_with_the_sign(rule: Rule, raw: str) -> None:
    assert "begins with '#'" in refusal(rule, raw)


@pytest.mark.parametrize("rule", ROOM_NAMES)
@pytest.mark.parametrize("raw", ["##x", "#a#b", "#a b", "#~x", "#a|b", "#a,b", "#½"])
def test_room_names_break_the_same_rules(rule: Rule, raw: str) -> None:
    refusal(rule, raw)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("½", "U+00BD VULGAR FRACTION ONE HALF"),
        ("🙂", "U+1F642 SLIGHTLY SMILING FACE"),
        ("a\u202eb", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("a\u200bb", "U+200B ZERO WIDTH SPACE"),
        ("a\ufe0f", "U+FE0F VARIATION SELECTOR-16"),
        ("a\x00", "U+0000"),
        ("\ue000", "U+E000"),
        ("\ud800", "U+D800"),
        ("a·b", "U+00B7 MIDDLE DOT where"),
        ("a\u200db", "U+200D ZERO WIDTH JOINER where"),
        ("a・b", "U+30FB KATAKANA MIDDLE DOT where"),
        ("٠۰", "directions"),
        ("alice_משה", "directions"),
    ],
)
def test_the_sentence_names_the_character_or_rule(raw: str, told: str) -> None:
    assert re.search(told.replace("+", r"\+"), refusal(user_name, raw))


@pytest.mark.parametrize(
    "raw", ["аlice", "ALICЕ", "paypаl", "ivan_иван", "ρaul", "タナ力太郎", "İstanbul"]
)
def test_lookalikes_are_looked_up_but_not_chosen(raw: str) -> None:
    assert user_name(raw)
    refusal(choose_user_name, raw)
    assert room_name("#" + raw)
    refusal(choose_room_name, "#" + raw)


@pytest.mark.parametrize("raw", ["Bob_42", "иван", "ελένη", "たなか太郎", "田中taro", "김철수"])
def test_honest_names_are_chosen(raw: str) -> None:
    assert choose_user_name(raw) == user_name(raw)
    assert choose_room_name("#" + raw) == room_name("#" + raw)


@given(ANY)
def test_any_text_is_a_name_or_a_bad_name(raw: str) -> None:
    for rule in USER_NAMES + ROOM_NAMES:
        for text in (raw, "#" + raw):
            try:
                name = rule(text)
            except BadName:
                refusal(rule, text)
            else:
                assert rule(name) == name

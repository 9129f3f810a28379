"""Messages: what is sealed opens, for its readers alone, and says who signed it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.e2e import (
    NotForUs,
    OwnKeys,
    Signature,
    TooLong,
    conversation,
    fresh_id,
    looks_sealed,
    open_message,
    seal_message,
)
from chatctl.e2e.jws import sign
from chatctl.e2e.messages import READERS_MAX
from chatd.protocol.fields import TEXT_BYTES_MAX
from chatd.protocol.lines import decode_line

from .e2e_world import (
    ALICE,
    BOB,
    MALLORY,
    NOW,
    claims,
    identity,
    message,
    payload,
    sealed,
    signed,
    unb64,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_what_is_sealed_opens_on_both_sides(text: str) -> None:
    line = message(text)
    for keys in (ALICE, BOB):
        opened = open_message(line, keys)
        assert (opened.text, opened.claims) == (text, claims())
        assert (opened.signature, opened.signer) == (Signature.VALID, ALICE.sig.kid)
        assert opened.kid == keys.enc.kid


def test_the_form_on_the_wire() -> None:
    line = message("hello")
    assert decode_line(line.encode()) == line
    assert "|" not in line and looks_sealed(line)
    header = json.loads(unb64(json.loads(line)["protected"]))
    assert header == {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "cty": "JOSE"}
    recipients = [one["header"] for one in json.loads(line)["recipients"]]
    assert [one["kid"] for one in recipients] == [ALICE.enc.kid, BOB.enc.kid]
    assert all([*one] == ["kid", "epk"] and "d" not in one["epk"] for one in recipients)
    assert len({one["epk"]["x"] for one in recipients}) == 2


def test_two_sealings_share_nothing() -> None:
    one, other = json.loads(message()), json.loads(message())
    assert one["iv"] != other["iv"] and one["recipients"] != other["recipients"]


def test_others_cannot_open_it() -> None:
    with pytest.raises(NotForUs, match="encrypted for others"):
        open_message(message(), MALLORY)


def test_old_keys_open_old_messages_after_a_rotation() -> None:
    opened = open_message(message(), BOB.rotated(NOW).rotated(NOW))
    assert (opened.text, opened.kid) == ("hello", BOB.enc.kid)


def test_a_note_to_oneself_has_one_recipient() -> None:
    line = seal_message("hello", claims(to="alice,alice"), ALICE, [identity("alice", ALICE)])
    assert len(json.loads(line)["recipients"]) == 1
    assert open_message(line, ALICE).text == "hello"


def test_both_sides_of_a_conversation_call_it_the_same() -> None:
    assert conversation("bob", "alice") == conversation("alice", "bob") == "alice,bob"
    assert conversation("alice", "alice") == "alice,alice"
    assert conversation("alice", "#lobby") == conversation("bob", "#lobby") == "#lobby"
    assert conversation("z", "é") == conversation("é", "z") == "z,é"


ROOM = [identity(f"member{number}", OwnKeys.fresh(NOW)) for number in range(READERS_MAX)]
# The longest that names can be: 32 and 64 characters of four bytes each.
LONGEST = claims(sender="𠀀" * 32, to="#" + "𠀀" * 64, id=fresh_id())


def test_two_thousand_bytes_fit_for_a_hundred_members_with_the_longest_names() -> None:
    line = seal_message("x" * 2_000, LONGEST, ALICE, ROOM[1:])
    assert len(line) <= TEXT_BYTES_MAX
    assert open_message(line, ALICE).text == "x" * 2_000


def test_sixteen_thousand_bytes_fit_in_a_direct_message() -> None:
    assert open_message(message("x" * 16_000), BOB).text == "x" * 16_000


def test_what_does_not_fit_says_by_how_much() -> None:
    with pytest.raises(TooLong, match="for 100 readers") as caught:
        seal_message("x" * 3_000, LONGEST, ALICE, ROOM[1:])
    over = re.search(r"\d+", caught.value.sentence)
    assert over is not None
    assert seal_message("x" * (3_000 - int(over[0])), LONGEST, ALICE, ROOM[1:])


def test_too_many_readers() -> None:
    with pytest.raises(ValueError, match="101 readers"):
        seal_message("hello", claims(), ALICE, ROOM)


@given(TEXTS.filter(lambda text: not re.fullmatch(r"eyJ[\w-]+\.[\w-]*\.[\w-]*", text)))
def test_what_was_not_signed_is_told(text: str) -> None:
    opened = open_message(sealed(text), BOB)
    assert (opened.text, opened.signature) == (text, Signature.NONE)
    assert (opened.signer, opened.claims) == (None, None)


def test_a_key_that_is_not_in_the_message_may_be_at_hand() -> None:
    token = sign({}, json.dumps(payload()).encode(), ALICE.sig)
    known = open_message(sealed(token), BOB, {ALICE.sig.kid: ALICE.identity("alice").sig})
    assert (known.signature, known.signer) == (Signature.VALID, ALICE.sig.kid)
    unknown = open_message(sealed(token), BOB, {MALLORY.sig.kid: MALLORY.sig})
    assert (unknown.signature, unknown.signer) == (Signature.UNCHECKED, None)
    assert unknown.claims == known.claims == claims()


def test_further_members_are_ignored() -> None:
    opened = open_message(sealed(signed(payload(later=[1]), typ="later", later=1)), BOB)
    assert (opened.text, opened.signature) == ("hello", Signature.VALID)


def test_text_comes_out_as_it_was_written() -> None:
    """Whoever shows it makes it harmless."""
    text = "\x1b[31m\x00\u202e\r\n|\\"
    assert open_message(message(text), BOB).text == text


def test_ids_are_new_and_fit_for_send() -> None:
    assert fresh_id() != fresh_id()
    assert re.fullmatch(r"[\w-]{22}", fresh_id())


def test_times_keep_their_moment() -> None:
    when = NOW + timedelta(milliseconds=1)
    opened = open_message(message(time=when), BOB)
    assert opened.claims is not None and opened.claims.time == when
    with pytest.raises(ValueError, match="time zone"):
        message(time=when.replace(tzinfo=None))


def test_nothing_secret_shows() -> None:
    assert "hello" not in repr(open_message(message("hello"), BOB))


@pytest.mark.parametrize(
    "text", ["hello", "", "{}", "{", '{"a":"protected"}', "eyJ.a.b", "a.b.c.d.e", "eyJh.b.c.d"]
)
def test_plain_text_does_not_look_sealed(text: str) -> None:
    assert not looks_sealed(text)


def test_the_package_imports_neither_joserfc_nor_argon2() -> None:
    """They would cost every command of chatctl a tenth of a second."""
    script = "import sys, chatctl.e2e; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    heavy = {"joserfc", "argon2", "precis_i18n", "cryptography"}
    assert not heavy & set(done.stdout.decode().split())

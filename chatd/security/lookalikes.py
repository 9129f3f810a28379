"""Whether a name of mixed scripts can be mistaken for another (UTS 39, section 5).

One script, whichever it is, passes. So does Latin with the scripts of Japanese, Chinese or Korean,
for people there write so (the "Highly Restrictive" level of UTS 39), save for the few letters that
look alike in kana and kanji. Any other mixture is refused where a letter of it has a double.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from confusable_homoglyphs.categories import alias
from confusable_homoglyphs.confusables import is_dangerous

_SCRIPTLESS = {"COMMON", "INHERITED"}
_USED_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
_KANA = frozenset({"HIRAGANA", "KATAKANA"})
_HAN_OR_KATAKANA = frozenset({"HAN", "KATAKANA"})
_LONG_VOWEL = "ー"

# Letters that look the same in two scripts, and those two (confusables.txt of UTS 39).
_DOUBLES: dict[str, frozenset[str]] = {
    **dict.fromkeys("イ亻エ工カ力タ夕ト卜ニ二ノ丿ハ八ロ口", _HAN_OR_KATAKANA),
    **dict.fromkeys("へヘべベぺペ", _KANA),
    **dict.fromkeys("ー一", _KANA | {"HAN"}),
}

# The joiners show in few fonts and in no terminal, nor does a second dot over a dotted letter.
_UNSEEN = re.compile("[\u200c\u200d]|[ijįɨịḭіјɉʝ]\u0307")


def mistakable(name: str) -> str | None:
    """What in the normal form of a name can be mistaken and how to mend it, or None.

    The answer completes a sentence that begins with "The name".
    """
    if name.isascii():
        return None
    if _UNSEEN.search(name) is not None:
        return "holds a joiner or a dot that cannot be seen; leave it out"
    letters = [char for char in name if alias(char) not in _SCRIPTLESS or char == _LONG_VOWEL]
    scripts = {alias(char) for char in letters} - _SCRIPTLESS
    if scripts <= _KANA and len(scripts) < 2:
        return None
    if any(scripts <= together for together in _USED_TOGETHER):
        return _mistakable_kana(letters) if len(scripts) > 1 or _LONG_VOWEL in letters else None
    if is_dangerous("".join(letters)):
        return f"mixes {_listed(scripts)} letters that look like others; write it in one script"
    return None


def _mistakable_kana(letters: list[str]) -> str | None:
    """The first letter that, where it stands, is rather read as its double of another script."""
    sure = [(at, alias(char)) for at, char in enumerate(letters) if char not in _DOUBLES]
    for at, char in enumerate(letters):
        if char in _DOUBLES and _read_as(at, _DOUBLES[char], sure) not in _scripts_of(char):
            return f"holds {char!r}, which is read as another script's letter there; respell it"
    return None


def _scripts_of(char: str) -> frozenset[str]:
    return _KANA if char == _LONG_VOWEL else frozenset({alias(char)})


def _read_as(at: int, among: frozenset[str], sure: Iterable[tuple[int, str]]) -> str | None:
    """The script of the nearest letter that has no double; kana where two are as near.

    So of two names that differ only by a double one at most is read as written, and passes.
    """
    near = [(abs(at - place), script == "HAN", script) for place, script in sure if script in among]
    return min(near)[2] if near else None


def _listed(scripts: set[str]) -> str:
    return " and ".join(sorted(script.replace("_", " ").title() for script in scripts))

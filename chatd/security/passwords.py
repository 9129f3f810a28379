"""Secrets of accounts: argon2id hashes (RFC 9106), and how easily a secret is guessed.

Everything here takes milliseconds and more, so that callers run it in threads.
"""

from __future__ import annotations

import secrets
from threading import Lock

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from zxcvbn import zxcvbn

MALFORMED = (InvalidHashError, VerificationError)
"""What argon2 raises for a hash that is none."""
SCORE_MIN = 1
"""zxcvbn's 1 of 0 to 4: over 1,000 guesses."""

# zxcvbn refuses more than 72 characters. It tries every combination of the letters that digits and
# signs may stand for: over a second of work at 72 characters, under 0.1 s at 16.
_SCORED_CHARACTERS_MAX = 72
_SCORED_SUBSTITUTES_MAX = 4
_SCORED_SHORT_CHARACTERS_MAX = 16
_SUBSTITUTES = frozenset("4@8({[<369!|1705$+%2")
# zxcvbn keeps the names it compares with in one dictionary for all threads.
_SCORING = Lock()


class Hasher:
    """argon2id; argon2.exceptions.HashingError where the parameters allow no hash."""

    __slots__ = ("_argon2", "decoy")

    def __init__(self, memory_kib: int, passes: int, lanes: int) -> None:
        self._argon2 = PasswordHasher(
            time_cost=passes, memory_cost=memory_kib, parallelism=lanes, type=Type.ID
        )
        self.decoy = self.hash(secrets.token_urlsafe())
        """The hash of nobody's secret: verified for an unknown user, it takes the usual time."""

    def hash(self, secret: str) -> str:
        """A salted hash in PHC form, parameters included."""
        return self._argon2.hash(secret)

    def verify(self, secret: str, hashed: str) -> bool:
        """Whether it is the secret's hash. One that is malformed raises `MALFORMED`."""
        try:
            return self._argon2.verify(hashed, secret)
        except VerifyMismatchError:
            return False

    def needs_rehash(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than these. Raises InvalidHashError."""
        return self._argon2.check_needs_rehash(hashed)


def weakness(secret: str, *own: str) -> str | None:
    """Why a secret is too easy to guess, as a sentence, or None. `own` names count as known."""
    if not secret:
        return "The secret is empty; use a few words."
    with _SCORING:
        result = zxcvbn(_scored(secret), user_inputs=own)
    if result["score"] >= SCORE_MIN:
        return None
    feedback = result["feedback"]
    advice = [feedback["warning"] or "It is too easy to guess.", *feedback["suggestions"][:1]]
    return _one_sentence(advice)


def _scored(secret: str) -> str:
    substitutes = len(_SUBSTITUTES.intersection(secret))
    long = substitutes <= _SCORED_SUBSTITUTES_MAX
    return secret[: _SCORED_CHARACTERS_MAX if long else _SCORED_SHORT_CHARACTERS_MAX]


def _one_sentence(advice: list[str]) -> str:
    first, *others = [sentence.partition(". ")[0].rstrip(".") for sentence in advice]
    return "; ".join([first, *(other[0].lower() + other[1:] for other in others)]) + "."

"""What can be wrong with what was typed, received or kept; each error is a sentence for a person.

A sentence may quote names that others chose: make it harmless before showing it.
No sentence quotes a secret, and no error has one that does as its cause or context: what a library
raises about a secret is left behind before ours is raised.
"""

from __future__ import annotations


class E2eError(Exception):
    """`sentence` says what is wrong and what to do. Nothing else comes out of this package,
    but for ValueError where the caller itself broke a rule."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Malformed(E2eError):
    """Not in its form: broken base64 or JSON, a member missing, doubled or of a wrong kind."""


class Unsafe(E2eError):
    """Asks for what is refused: alg none, PBES2, compression, crit, a published private key."""


class NotForUs(E2eError):
    """Encrypted for others: none of the keys at hand is named."""


class DoesNotOpen(E2eError):
    """Wrong password or key, or changed on its way: authenticated encryption cannot tell which."""


class Forged(E2eError):
    """A signature or proof does not match what it stands under."""


class TooLong(E2eError):
    """Sealed, it would not fit in what the server takes."""


class BadKdf(E2eError):
    """Not in the form of a kdf, too weak, or too costly to try."""


class BadPassword(E2eError):
    """No password by the rules of PRECIS (RFC 8265)."""


class BadRecoveryKey(E2eError):
    """Mistyped, or no recovery key at all."""


class OldVault(E2eError):
    """The server gave a vault that is not the one it says, or older than one seen before."""


class NewerFormat(E2eError):
    """Written by a later chatctl in a way that this one must not touch."""


class KeyChanged(E2eError):
    """Somebody's key is not the one that was pinned; nothing is sent until a person trusts it."""

"""The vault as it lies at the server: General JSON JWE, A256GCM, its key wrapped twice by A256KW.

Each version has a new random content key, wrapped for the recipients `password` and `recovery`; the
latter's wrapping key is inside, so a device that came in by either can seal for both. The version
stands inside too, authenticated: a server that gives an old vault under a new number is found out
by itself, one that gives an old vault under its old number by `newest_seen`, which the caller keeps
outside (a device without that memory can't know).
"""

from __future__ import annotations

from chatd.protocol.fields import VAULT_BYTES_MAX

from .content import Content
from .errors import DoesNotOpen, NotForUs, OldVault, TooLong
from .jwe import Rules, decrypt, encrypt
from .wrapping import WrappingKey

TYPE = "chat-vault"

_WHAT = "The vault"
_HEADER = {"alg": "A256KW", "enc": "A256GCM", "typ": TYPE}
_RULES = Rules(frozenset({"A256KW"}), frozenset({"A256GCM"}), VAULT_BYTES_MAX)
_NAMES = {"password": "password", "recovery": "recovery key"}


def seal_vault(content: Content, password: WrappingKey, version: int) -> str:
    """The blob to store as `version`, which is one more than the current. Raises TooLong."""
    if password.kid != "password" or version < 1:
        raise ValueError("a vault is sealed for a password, as version 1 or later")
    blob = encrypt(content.encoded(version), _HEADER, [password, content.recovery])
    if len(blob) > VAULT_BYTES_MAX:
        raise TooLong(
            f"The vault would be {len(blob) - VAULT_BYTES_MAX} bytes too big for the server; take"
            " something of your own out of it (chatctl vault list)"
        )
    return blob


def open_vault(blob: str, version: int, key: WrappingKey, newest_seen: int = 0) -> Content | None:
    """What VAULT gave; None where nothing was stored yet. `key` is the password's or the recovery
    key's; `newest_seen` the highest version that this device knows of.

    Raises OldVault, DoesNotOpen, Malformed, Unsafe, NewerFormat.
    """
    if version < newest_seen:
        raise OldVault(
            f"The server gave version {version} of the vault, but {newest_seen} was there before;"
            " nothing was done. It wants you to use old keys, or it went back to a backup: ask who"
            " runs it, and if so log in with a new --profile"
        )
    if version == 0 and not blob:
        return None
    content = _opened(blob, key)
    if content.version != version:
        raise OldVault(
            f"The server calls this version {version} of the vault, but it is {content.version};"
            " somebody swapped it. Nothing was done"
        )
    return content


def _opened(blob: str, key: WrappingKey) -> Content:
    try:
        return Content.parse(decrypt(blob, {key.kid: key}, _RULES, _WHAT).content)
    except (DoesNotOpen, NotForUs) as error:
        name = _NAMES[key.kid]
        raise DoesNotOpen(
            f"The vault does not open with this {name}; the {name} is wrong, or the vault was"
            " changed at the server"
        ) from error

"""Recovery keys: what opens the vault when the password is lost. Shown once, written on paper.

160 random bits in Crockford's base32 (no I, L, O or U), eight groups of four characters and a fifth
that checks them. A group's check covers all groups up to it, so swapped groups are found as well;
of mistyped keys about one in 32**(9 - group) gets through, and then opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import string

from .errors import BadRecoveryKey
from .kdf import derived
from .wrapping import WrappingKey

KEY_BYTES = 20
GROUPS = 8
GROUP_CHARACTERS = 5
"""The last of which checks."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RFC_4648 = string.ascii_uppercase + "234567"
_WRITE = str.maketrans(_RFC_4648, _CROCKFORD)
_READ = str.maketrans(_CROCKFORD, _RFC_4648)
_LOOK_ALIKES = str.maketrans("OIL", "011")
_BETWEEN = re.compile(r"[\s\-\u2010-\u2015]+")
_TYPED_CHARACTERS_MAX = 400


class RecoveryKey:
    """20 bytes, ValueError otherwise. Its repr and str show nothing; `written` does."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_BYTES:
            raise ValueError(f"a recovery key has {KEY_BYTES} bytes, this one has {len(raw)}")
        self._raw = raw

    def __repr__(self) -> str:
        return "RecoveryKey(…)"

    @classmethod
    def fresh(cls) -> RecoveryKey:
        """A new one from the system's random source."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def read(cls, typed: str) -> RecoveryKey:
        """What a person typed, in any case, with any spaces and hyphens. Raises BadRecoveryKey."""
        groups = _split(typed)
        for number in range(1, GROUPS + 1):
            if groups[number - 1][-1] != _check(groups[:number]):
                raise BadRecoveryKey(
                    f"Group {number} of the recovery key, or one before it, is mistyped; compare"
                    " it with what was written down"
                )
        data = "".join(group[:-1] for group in groups)
        return cls(base64.b32decode(data.translate(_READ)))

    def written(self) -> str:
        """For the one time it is shown: `7KQ2M-…`, eight groups of five with hyphens between."""
        data = base64.b32encode(self._raw).decode().translate(_WRITE)
        size = GROUP_CHARACTERS - 1
        groups: list[str] = []
        for start in range(0, len(data), size):
            group = data[start : start + size]
            groups.append(group + _check([*groups, group + "?"]))
        return "-".join(groups)

    @property
    def wrapping_key(self) -> WrappingKey:
        """HKDF-SHA256, info "chat/1 recovery"."""
        return WrappingKey("recovery", derived(self._raw, "recovery"))


def _split(typed: str) -> list[str]:
    """Eight groups in Crockford's alphabet."""
    if len(typed) <= _TYPED_CHARACTERS_MAX:
        plain = _BETWEEN.sub("", typed).upper().translate(_LOOK_ALIKES)
        size = GROUP_CHARACTERS
        if len(plain) == GROUPS * size and set(plain) <= set(_CROCKFORD):
            return [plain[start : start + size] for start in range(0, len(plain), size)]
    raise BadRecoveryKey(
        "A recovery key has 8 groups of 5 letters and digits, with no U among them; some are"
        " missing, too many or mistyped"
    )


def _check(groups: list[str]) -> str:
    """The character that checks these groups, of each of which the last is left out."""
    data = "".join(group[:-1] for group in groups)
    return _CROCKFORD[hashlib.sha256(f"chat/1 recovery {data}".encode()).digest()[0] & 31]

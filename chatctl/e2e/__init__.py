"""What the server cannot read: secrets derived from passwords, the vault, identities, messages.

Data in, data out: no network, file, clock or terminal. All that comes from elsewhere is taken to be
hostile; it gives a result or an E2eError, in time and memory that grow with its length alone.
joserfc and argon2 are imported when first needed, not with this package.
"""

from .binding import Bound, bind, read_bound
from .content import Content
from .errors import (
    BadKdf,
    BadPassword,
    BadRecoveryKey,
    DoesNotOpen,
    E2eError,
    Forged,
    KeyChanged,
    Malformed,
    NewerFormat,
    NotForUs,
    OldVault,
    TooLong,
    Unsafe,
)
from .identity import Identity, read_identity, safety_number, verification_payload
from .judge import ERASED, NOT_ENCRYPTED, Finding, Journal, Kind, Said, judge
from .jwe import looks_sealed, warm_up
from .kdf import Kdf, Master, accepted_kdf, fresh_kdf
from .key import Key
from .lock import LockKey, is_locked, lock, unlock
from .messages import (
    READERS_MAX,
    Claims,
    Opened,
    Signature,
    conversation,
    fresh_id,
    open_message,
    seal_message,
)
from .own_keys import OwnKeys, read_private
from .recovery import RecoveryKey
from .times import read_time, time_text
from .trust import Pin, Standing, demand_unchanged, first_pin, standing_of
from .vault import open_vault, seal_vault
from .wrapping import WrappingKey

__all__ = [
    "ERASED",
    "NOT_ENCRYPTED",
    "READERS_MAX",
    "BadKdf",
    "BadPassword",
    "BadRecoveryKey",
    "Bound",
    "Claims",
    "Content",
    "DoesNotOpen",
    "E2eError",
    "Finding",
    "Forged",
    "Identity",
    "Journal",
    "Kdf",
    "Key",
    "KeyChanged",
    "Kind",
    "LockKey",
    "Malformed",
    "Master",
    "NewerFormat",
    "NotForUs",
    "OldVault",
    "Opened",
    "OwnKeys",
    "Pin",
    "RecoveryKey",
    "Said",
    "Signature",
    "Standing",
    "TooLong",
    "Unsafe",
    "WrappingKey",
    "accepted_kdf",
    "bind",
    "conversation",
    "demand_unchanged",
    "first_pin",
    "fresh_id",
    "fresh_kdf",
    "is_locked",
    "judge",
    "lock",
    "looks_sealed",
    "open_message",
    "open_vault",
    "read_bound",
    "read_identity",
    "read_private",
    "read_time",
    "safety_number",
    "seal_message",
    "seal_vault",
    "standing_of",
    "time_text",
    "unlock",
    "verification_payload",
    "warm_up",
]

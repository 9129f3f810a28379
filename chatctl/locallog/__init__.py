"""The local log: what a person received, kept on this machine so that any change is noticed."""

from .entry import Entry
from .keeper import Keeper, NoLog, keeping
from .log import Kept, LocalLog, clear, local_log
from .store import Damaged, Unfinished

__all__ = [
    "Damaged",
    "Entry",
    "Keeper",
    "Kept",
    "LocalLog",
    "NoLog",
    "Unfinished",
    "clear",
    "keeping",
    "local_log",
]

"""Questions at the terminal that are answered with yes or no."""

from __future__ import annotations

import sys

from .harmless import harmless
from .problems import usage


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agrees(question: str, *, by_default: bool = False) -> bool:
    """Ask; `by_default` is what Enter means, and anything else but a yes is a no. Raises EOFError
    where input ends instead."""
    # Standard output may be a file that takes results.
    choice = "[Y/n]" if by_default else "[y/N]"
    print(harmless(f"{question} {choice} "), end="", file=sys.stderr, flush=True)  # noqa: T201
    answer = input().strip().lower()
    return answer in ("y", "yes") or (by_default and not answer)


def consents(what: str) -> bool:
    """Ask before doing `what`. Raises Problem (usage) where nobody can answer, and EOFError."""
    if not can_ask():
        raise usage(f"{what}; --yes confirms it")
    return agrees(f"{what}. Go on?")

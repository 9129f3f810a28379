"""Lines of several senders, joined once; and what is left for each of them without its own."""

from __future__ import annotations

from .ports import Client


def own_spans(senders: list[Client], lines: list[bytes]) -> dict[Client, list[tuple[int, int]]]:
    """Where each sender's own lines stand, once they are joined: from and to, in bytes."""
    spans: dict[Client, list[tuple[int, int]]] = {}
    end = 0
    for sender, line in zip(senders, lines, strict=True):
        start, end = end, end + len(line)
        spans.setdefault(sender, []).append((start, end))
    return spans


def without(joined: bytes, spans: list[tuple[int, int]]) -> bytes:
    """What is left of `joined` without the spans."""
    rest, kept = [], 0
    for start, end in spans:
        rest.append(joined[kept:start])
        kept = end
    return b"".join([*rest, joined[kept:]])

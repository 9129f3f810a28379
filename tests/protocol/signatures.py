"""What every command, reply and event is on the wire, one line each: the pinned surface of chat/1.

`python -m tests.protocol.signatures` writes signatures.txt anew; `git diff` then shows what a
client would notice. A line may be added; one that changes or goes breaks a client somewhere.
"""

from __future__ import annotations

from pathlib import Path

from chatd.protocol.declare import COMMANDS, EVENTS, Field, Request, Shape
from chatd.protocol.errors import Code
from tests.protocol.strategies import REPLIES

GOLDEN = Path(__file__).with_name("signatures.txt")


def signatures() -> list[str]:
    """All of them, in a fixed order."""
    commands = [_command(made) for _, made in sorted(COMMANDS.items())]
    replies = [f"{cls.__name__}{_fields(cls.shape)}" for cls in REPLIES]
    events = [f"{verb}{_fields(made.shape)}" for verb, made in sorted(EVENTS.items())]
    return [*commands, "", *replies, "", *events, "", *sorted(Code)]


def _command(made: type[Request]) -> str:
    reply = made.reply.__name__
    answer = f"list of {reply}" if made.listed else reply
    errors = ", ".join(sorted(made.errors)) or "none of its own"
    return f"{made.verb}{_fields(made.shape)} -> {answer}; {made.needs.value}; {errors}"


def _fields(shape: Shape) -> str:
    places = [_field(field) for field in shape.fields]
    return f"({', '.join(places + [f'{_field(option)}=' for option in shape.options])})"


def _field(field: Field) -> str:
    return f"{field.name}{'?' if field.optional else ''}: {field.kind.form}"


if __name__ == "__main__":
    GOLDEN.write_text("\n".join(signatures()) + "\n")

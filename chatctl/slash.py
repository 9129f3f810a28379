"""What is typed in the chat screen after a slash, as requests, derived from the declarations."""

from __future__ import annotations

from chatd.protocol import commands  # noqa: F401  (declares them)
from chatd.protocol.declare import COMMANDS, Declared, Field, Needs, Reply, Request, read_fields
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.fields import escape

from .output import clock, columns

OWN = {
    "HELP": ("[verb]", "List these commands, or explain one."),
    "HISTORY": ("[number]", "Show earlier messages of this conversation."),
    "JOIN": ("#room", "Become a member, and talk there."),
    "MSG": ("user-or-#room text", "Post a message there, and stay here."),
    "PLAIN": ("text", "Post a message here that the server can read."),
    "QUIT": ("", "Leave the screen; so does Ctrl-D."),
    "SWITCH": ("[user-or-#room]", "Talk there; unless given, where something is unread."),
}
"""Commands that the screen itself carries out: their fields, and what they do."""


def _is_plain(command: type[Request]) -> bool:
    """Whether it can be typed as it is: no secret would be seen, and the session stays."""
    secret = any(field.kind.secret for field in command.shape.fields)
    return command.needs is not Needs.NO_LOGIN and not secret and command.verb not in _NOT_HERE


_NOT_HERE = {"LOGOUT", "PUBLISH", "SEND", "SEEN"}
PLAIN = {verb: command for verb, command in COMMANDS.items() if _is_plain(command)}
"""Commands of the wire that can be typed in the screen."""

VERBS = tuple(sorted({*PLAIN, *OWN}))


def usage_of(verb: str) -> str:
    """How a command is typed, and what it does. Raises ChatError UNKNOWN_VERB."""
    if verb not in VERBS:
        raise ChatError(Code.UNKNOWN_VERB, "There is no such command; /help lists them.")
    words, doc = OWN[verb] if verb in OWN else (_words(PLAIN[verb]), PLAIN[verb].doc)
    return f"/{verb.lower()} {words}".rstrip() + f": {doc}"


def _words(command: type[Request]) -> str:
    words = [field.label for field in command.shape.fields]
    words += [f"[{option.name}={option.kind.form}]" for option in command.shape.options]
    return " ".join(words)


def request(verb: str, words: str, here: str | None) -> Request:
    """`/verb words` as a request; where no room is named, `here` is meant. Raises ChatError."""
    usage_of(verb)
    command = PLAIN[verb]
    fields = command.shape.fields
    if fields and _is_conversation(fields[0]) and here and not words.startswith("#"):
        words = f"{here} {words}"
    splits = len(fields) - 1 if command.shape.ends_free else -1
    return read_fields(command, "|".join(map(escape, words.split(None, splits))) or None)


def _is_conversation(field: Field) -> bool:
    return field.kind.form in ("#room", "user or #room")


def reply_lines(replies: list[Reply]) -> list[str]:
    """Replies for people: a row each, harmless."""
    return columns([[_cell(reply, field) for field in reply.shape.fields] for reply in replies])


def _cell(value: Declared, field: Field) -> str:
    held = getattr(value, field.name)
    return clock(held) if field.kind.form.startswith("RFC 3339") else field.kind.format(held)

"""What is typed in the chat screen after a slash, as requests, derived from the declarations."""

from __future__ import annotations

from chatd.protocol import wire  # noqa: F401  (declares all commands)
from chatd.protocol.declare import COMMANDS, Declared, Field, Reply, Request, read_fields
from chatd.protocol.errors import ChatError, Code
from chatd.protocol.fields import escape
from chatd.protocol.services import ServiceItem

from .output import clock, columns, provider_of

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


ELSEWHERE = {
    "ACTIVATE": "activate",
    "ANSWER": "serve",
    "AUTH": "login",
    "ENROL": "enrol",
    "ERASE": "erase",
    "IDENTITY": "verify",
    "LISTEN": "listen --direct",
    "LOGIN": "login",
    "LOGOUT": "logout",
    "PASSWD": "passwd",
    "PUBLISH": "keys rotate",
    "RECOVER": "recover",
    "REFUSE": "serve",
    "REGISTER": "register",
    "RESET": "reset",
    "RESUME": "login",
    "SALT": "call SALT",
    "SEAL": "nc",
    "SEEN": "seen",
    "SEND": "send",
    "SERVE": "serve",
    "STORE": "vault set",
    "UNSERVE": "serve",
    "VAULT": "vault list",
    "WHERE": "send --direct",
}
"""Commands of the wire that would do harm here, or nothing, and what of chatctl does it: they take
a secret, end the session, or need a program that goes on with what comes of them."""

PLAIN = {verb: command for verb, command in COMMANDS.items() if verb not in {*OWN, *ELSEWHERE}}
"""Commands of the wire that can be typed in the screen."""

VERBS = tuple(sorted({*PLAIN, *OWN}))


def usage_of(verb: str) -> str:
    """How a command is typed, and what it does. Raises ChatError UNKNOWN_VERB."""
    if (command := ELSEWHERE.get(verb)) is not None:
        why = f"/{verb.lower()} is not for this screen; at the shell: chatctl {command}"
        raise ChatError(Code.UNKNOWN_VERB, why)
    if verb not in VERBS:
        raise ChatError(Code.UNKNOWN_VERB, "There is no such command; /help lists them.")
    return f"{_typed(verb)}: {OWN[verb][1] if verb in OWN else PLAIN[verb].doc}"


def _typed(verb: str) -> str:
    words = OWN[verb][0] if verb in OWN else _words(PLAIN[verb])
    return f"/{verb.lower()} {words}".rstrip()


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
    given = words.split(None, len(fields) - 1 if command.shape.ends_free else -1)
    if len(given) > len(fields) and not (command.shape.options or command.shape.many):
        raise ChatError(Code.BAD_FIELD, f"That is one word too many; type {_typed(verb)}")
    return read_fields(command, "|".join(map(escape, given)) or None)


def _is_conversation(field: Field) -> bool:
    return field.kind.form in ("#room", "user or #room")


def reply_lines(replies: list[Reply]) -> list[str]:
    """Replies for people: a row each, harmless."""
    return columns([[_cell(reply, field) for field in reply.shape.fields] for reply in replies])


def _cell(value: Declared, field: Field) -> str:
    held = getattr(value, field.name)
    if isinstance(value, ServiceItem) and field.name == "provider":
        return provider_of(value)
    return clock(held) if field.kind.form.startswith("RFC 3339") else field.kind.format(held)

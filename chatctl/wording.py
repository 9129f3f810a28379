"""What is said of a refusal where the server's sentence names a command of netcat's."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from chatd.protocol.errors import ChatError, Code

from .errors import Refusal

C = Code
_CODE_GONE = "Wrong user or code, or too many wrong tries; have another one sent: "
_CODE_OLD = "This code has expired; have another one sent: "
_OUTSIDE = "You are not in {about}; first: "
_INSIDE_VERBS = ("BAN", "HISTORY", "INVITE", "MSG", "SEEN", "SEND", "SET", "TOPIC", "UNBAN", "WHO")

_BY_CODE = {
    C.NO_SUCH_DEVICE: ("You have no such device; see: ", "devices"),
    C.NO_SUCH_ROOM: ("There is no such room; see: ", "rooms"),
    C.NO_SUCH_SERVICE: ("There is no such service; see: ", "services"),
    C.NO_SUCH_SESSION: ("You have no such session; see: ", "sessions"),
}
_BY_VERB = {
    ("ACTIVATE", C.DENIED): (_CODE_GONE, "reset {about}"),
    ("ACTIVATE", C.EXPIRED): (_CODE_OLD, "reset {about}"),
    ("LEAVE", C.NOT_MEMBER): ("You are not in {about}; see: ", "rooms"),
    ("RECOVER", C.DENIED): (_CODE_GONE, "reset {about}"),
    ("RECOVER", C.EXPIRED): (_CODE_OLD, "reset {about}"),
    ("REGISTER", C.CLOSED): ("Registration is not open here. Who was invited takes: ", "enrol"),
    **{(verb, C.NOT_MEMBER): (_OUTSIDE, "join {about}") for verb in _INSIDE_VERBS},
}
"""A sentence, and the command that it ends with; `about` is the request's first field."""


def at_shell(error: ChatError) -> str:
    """The sentence for who typed a command of chatctl."""
    return _own(error, "chatctl ", as_argument)


def on_screen(error: ChatError) -> str:
    """The sentence for who typed at the chat screen."""
    return _own(error, "/", str)


def as_argument(name: str) -> str:
    """A name as the shell takes it, also where it would be an option; it comes last."""
    return f"{'-- ' if name.startswith('-') else ''}{shlex.quote(name)}"


def _own(error: ChatError, before: str, quoted: Callable[[str], str]) -> str:
    if not isinstance(error, Refusal):
        return error.sentence
    found = _BY_VERB.get((error.verb, error.code)) or _BY_CODE.get(error.code)
    if found is None:
        return error.sentence
    sentence, command = found
    return (
        sentence.replace("{about}", error.about)
        + before
        + command.replace("{about}", quoted(error.about))
    )

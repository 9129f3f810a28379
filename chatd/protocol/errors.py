"""The codes of the contract, and the one exception that carries them (protocol.md, "Codes")."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """A failure's or goodbye's code; the word on the wire never changes."""

    BAD_LINE = "BAD_LINE"
    LINE_TOO_LONG = "LINE_TOO_LONG"
    UNKNOWN_VERB = "UNKNOWN_VERB"
    BAD_FIELD = "BAD_FIELD"
    BAD_NAME = "BAD_NAME"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    ALREADY_AUTHENTICATED = "ALREADY_AUTHENTICATED"
    TAKEN = "TAKEN"
    WEAK_PASSWORD = "WEAK_PASSWORD"
    DENIED = "DENIED"
    CLOSED = "CLOSED"
    NO_SUCH_USER = "NO_SUCH_USER"
    NO_SUCH_ROOM = "NO_SUCH_ROOM"
    NO_SUCH_SESSION = "NO_SUCH_SESSION"
    NO_SUCH_DEVICE = "NO_SUCH_DEVICE"
    NO_SUCH_SERVICE = "NO_SUCH_SERVICE"
    NO_IDENTITY = "NO_IDENTITY"
    OFFLINE = "OFFLINE"
    NOT_MEMBER = "NOT_MEMBER"
    FORBIDDEN = "FORBIDDEN"
    BANNED = "BANNED"
    BLOCKED = "BLOCKED"
    NOT_ENCRYPTED = "NOT_ENCRYPTED"
    CONFLICT = "CONFLICT"
    TOO_BIG = "TOO_BIG"
    RATE_LIMITED = "RATE_LIMITED"
    INSECURE = "INSECURE"
    SERVICE_FAILED = "SERVICE_FAILED"
    EXPIRED = "EXPIRED"
    THEFT = "THEFT"
    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    SHUTDOWN = "SHUTDOWN"
    QUIT = "QUIT"
    EOF = "EOF"


MEANINGS: dict[Code, str] = {
    Code.BAD_LINE: "the line holds a control character or is not UTF-8; it was refused whole",
    Code.LINE_TOO_LONG: "the line is over 65,536 bytes; it was thrown away up to its LF",
    Code.UNKNOWN_VERB: "there is no such command; HELP lists them",
    Code.BAD_FIELD: "a field is missing, empty, superfluous or not of its kind",
    Code.BAD_NAME: "the name breaks a rule, which the sentence names",
    Code.NOT_AUTHENTICATED: "the command needs AUTH or RESUME first",
    Code.ALREADY_AUTHENTICATED: "the connection is logged in; LOGOUT first",
    Code.TAKEN: (
        "the name belongs to an account, or did once, or waits for its code; or others provide the"
        " service"
    ),
    Code.WEAK_PASSWORD: "the password is too easy to guess; the sentence says why",
    Code.DENIED: (
        "wrong user, secret, token, one-time ID or code, a session that was ended, or a sealed"
        " message that does not open"
    ),
    Code.CLOSED: "registration is not open on this server",
    Code.NO_SUCH_USER: "there is no such user",
    Code.NO_SUCH_ROOM: "there is no such room, or none that you may know of",
    Code.NO_SUCH_SESSION: "you have no such session; SESSIONS lists them",
    Code.NO_SUCH_DEVICE: "you have no such device; DEVICES lists them",
    Code.NO_SUCH_SERVICE: "there is no such service, or you provide none; SERVICES lists them",
    Code.NO_IDENTITY: "the person has published no keys yet",
    Code.OFFLINE: "the person does not listen, or not for you; send it through the server",
    Code.NOT_MEMBER: "you, or the person named, are not in the room",
    Code.FORBIDDEN: "your role, level or lack of an invitation does not allow it",
    Code.BANNED: "you are banned from the room",
    Code.BLOCKED: "the person does not take direct messages from you",
    Code.NOT_ENCRYPTED: "the room takes encrypted messages alone, and the text is none",
    Code.CONFLICT: (
        "the id was used before for something else, the vault has another version, or the"
        " connection is encrypted already"
    ),
    Code.TOO_BIG: (
        "the text, or all arguments together, are over 32,768 bytes, the vault over 49,152, the"
        " keys over 8,192, a usage over 200, or a description over 500"
    ),
    Code.RATE_LIMITED: "too much at once; the sentence begins with the whole seconds to wait",
    Code.INSECURE: "a secret may not be sent in the clear here: SEAL, or use TLS",
    Code.SERVICE_FAILED: "the service was called and could not do it; the sentence is its own",
    Code.EXPIRED: "it was valid once and is no longer",
    Code.THEFT: "an alert: somebody may have a copy of a device's profile",
    Code.UNAVAILABLE: "the server cannot store or carry this out now; nothing was changed",
    Code.TIMEOUT: (
        "the connection waited too long to authenticate, the other end is gone, or a service did"
        " not answer in time"
    ),
    Code.SHUTDOWN: "the server stops",
    Code.QUIT: "goodbye, as asked with QUIT",
    Code.EOF: "goodbye: the client ended its input",
}


class ChatError(Exception):
    """A request is refused: `code` is for programs, `sentence` tells a person what to do."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"

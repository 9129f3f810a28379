"""`call`: any command of the wire, also one that this client does not know."""

from __future__ import annotations

from typing import Annotated

import typer

from chatd.protocol.declare import COMMANDS, Needs, Request
from chatd.protocol.fields import escape, escape_rest
from chatd.protocol.wire import Answer, read_known

from ..desk import Desk
from ..harmless import harmless
from ..output import fields_of
from ..passwords import Passwords
from ..problems import refused, usage
from .arguments import PasswordFile, PasswordStdin


def complete_verb(incomplete: str) -> list[str]:
    """The verbs of the wire, in the case that was begun with."""
    verbs = [verb.lower() for verb in COMMANDS] if incomplete.islower() else list(COMMANDS)
    return [verb for verb in verbs if verb.startswith(incomplete)]


Verb = Annotated[
    str, typer.Argument(metavar="VERB", help="In any case.", autocompletion=complete_verb)
]
Fields = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FIELD]...", help="Each is escaped; - stands for a password."),
]


async def call(
    desk: Desk,
    verb: Verb,
    fields: Fields = None,
    password_stdin: PasswordStdin = False,
    password_file: PasswordFile = None,
) -> None:
    """Send any command and print the server's lines."""
    known = COMMANDS.get(verb.upper())
    passwords = Passwords(password_stdin, password_file)
    line = "|".join([escape(verb), *_written(known, _filled(known, fields or [], passwords))])
    before_login = known is not None and known.needs is Needs.NO_LOGIN
    visits = before_login or not desk.has_account
    async with desk.visit(settles=False) if visits else desk.login() as client:
        answers = await client.raw(line)
    for answer in answers:
        _show(desk, known, answer)


def _show(desk: Desk, known: type[Request] | None, answer: Answer) -> None:
    """A line of the answer, as it came. Raises Problem at a FAILURE."""
    if answer.outcome == "FAILURE":
        raise refused(answer.error())
    rest = [] if answer.rest is None else [answer.rest]
    human = harmless("|".join([answer.verb, answer.outcome, *rest]))
    if known is None:
        fields = {"verb": answer.verb, "outcome": answer.outcome, "rest": answer.rest}
        desk.out.show(human, fields)
    elif known.listed and answer.outcome == "SUCCESS":
        desk.out.show(human, {"count": int(answer.rest or 0)})
    else:
        desk.out.show(human, fields_of(read_known(known.reply, answer.rest)))


def _filled(known: type[Request] | None, fields: list[str], passwords: Passwords) -> list[str]:
    """The fields with the passwords in their places."""
    kinds = [field.kind for field in known.shape.fields] if known else []
    names = [field.name.replace("_", " ") for field in known.shape.fields] if known else []
    filled = list(fields)
    for place, (kind, name) in enumerate(zip(kinds, names)):
        if kind.secret and place < len(filled):
            if filled[place] != "-":
                raise usage(f"The {name} is never an argument; write - in its place")
            filled[place] = passwords.take(name)
    return filled


def _written(known: type[Request] | None, fields: list[str]) -> list[str]:
    if known is None or not known.shape.ends_free:
        return [escape(field) for field in fields]
    inner = len(known.shape.fields) - 1
    return [*map(escape, fields[:inner]), *map(escape_rest, fields[inner:])]

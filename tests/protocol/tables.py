"""The tables of protocol.md, made from the declarations.

In the document a table stands between `<!-- table: NAME -->` and `<!-- end -->`. `make docs` (this
module as a program) writes each anew; test_document.py sees that they are current.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

from chatd.protocol.declare import COMMANDS, EVENTS, Declared, Field, Needs, Request, Shape, usage
from chatd.protocol.errors import MEANINGS, Code
from tests.protocol.strategies import DECLARED

DOCUMENT = Path(__file__).parents[2] / "protocol.md"
BLOCK = re.compile(r"(?<=<!-- table: )(?P<name>.+?)( -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)


def renewed(document: str) -> str:
    """`document` with every table made anew. KeyError for a table that there is not."""
    return BLOCK.sub(lambda block: f"{block['name']}{block[2]}\n{made(block['name'])}\n", document)


def made(name: str) -> str:
    """The table of that name; `MSG` and the like give the table of one command."""
    return "\n".join(_one_command(COMMANDS[name]) if name in COMMANDS else TABLES[name]())


def names() -> list[str]:
    """Every table that there is."""
    return [*TABLES, *COMMANDS]


# Tables


def _commands() -> list[str]:
    rows = [(f"[{verb}](#{verb.lower()})", made.doc, made.needs.value) for verb, made in _sorted()]
    return _table(("command", "what it does", "may be used"), rows)


def _one_command(made: type[Request]) -> list[str]:
    outcome = "ITEM" if made.listed else "SUCCESS"
    rows = [
        ("request", _code(usage(made))),
        ("answer", _form(f"{made.verb}|{outcome}", made.reply.shape)),
        ("may be used", made.needs.value),
        ("codes", ", ".join(made.errors) or "none of its own"),
    ]
    if made.listed:
        rows.insert(2, ("then", _code(f"{made.verb}|SUCCESS|count")))
    return _table((made.verb, made.doc), rows)


def _events() -> list[str]:
    rows = [(_form(verb, made.shape), made.when) for verb, made in EVENTS.items()]
    return _table(("event", "when"), rows)


def _codes() -> list[str]:
    return _table(("code", "meaning", "answers"), [(c, MEANINGS[c], _answered(c)) for c in Code])


def _fields() -> list[str]:
    """Each kind of field, and the names under which it stands in the other tables."""
    labels: dict[str, list[str]] = {}
    for field in _all_fields():
        seen = labels.setdefault(field.kind.form, [])
        if (label := field.label.strip("[]")) not in seen:
            seen.append(label)
    rows = [(form, ", ".join(f"`{label}`" for label in seen)) for form, seen in labels.items()]
    return _table(("form", "fields"), sorted(rows))


def _grammar() -> list[str]:
    """ABNF (RFC 5234) of every line of chat/1."""
    requests = [_rule(verb.lower(), f'"{verb}"', made.shape) for verb, made in _sorted()]
    answers = [_answer_rule(verb, made) for verb, made in _sorted()]
    events = [
        _rule(f"event-{verb[1:].lower()}", f'"{verb}"', m.shape) for verb, m in EVENTS.items()
    ]
    return [
        "```abnf",
        *_alternatives("request", [verb.lower() for verb, _ in _sorted()]),
        *requests,
        "",
        *_alternatives("reply", [f"{verb.lower()}-answer" for verb, _ in _sorted()]),
        *answers,
        "",
        *_alternatives("event", [f"event-{verb[1:].lower()}" for verb in EVENTS]),
        *events,
        "```",
    ]


TABLES: dict[str, Callable[[], list[str]]] = {
    "commands": _commands,
    "events": _events,
    "fields": _fields,
    "codes": _codes,
    "grammar": _grammar,
}

# Rules of the grammar

RULES = {
    "#room": "room",
    "0 to 32 fields": "word",
    "0 to 9": "DIGIT",
    "1 to 64 characters": "id",
    "43 characters base64url": "token",
    "RFC 3339, UTC, ms": "time",
    "8 digits": "8DIGIT",
    "JWK Set": "text",
    "NK, NX or IK": '["Noise_"] ("NK" / "NX" / "IK")',
    "base64url": "base64url",
    "port": "number",
    "blob": "text",
    "description, may be empty": "[text]",
    "blob, a bar as \\p": "secret",
    "blob, may be empty": "[text]",
    "device key": "token",
    "free text": "text",
    "free text, may be empty": "[text]",
    "kdf": "kdf",
    "mailto: or tel:": "contact",
    "joined or empty": '["joined"]',
    "number": "number",
    "number, at most 1000": "number",
    "one-time id": "one-time-id",
    "online or offline": '("online" / "offline")',
    "owner, moderator or member": "member-role",
    "pending or empty": '["pending"]',
    "secret": "secret",
    "service": "service",
    "seq": "number",
    "thumbprint": "token",
    "this or empty": '["this"]',
    "usage, may be empty": "word",
    "user": "user",
    "user or empty": "[user]",
    "version": "number",
    "user or #room": "target",
    "word": "word",
    "yes or no": '("yes" / "no")',
}
"""The rule of protocol.md for each form of a field."""


def _rule(name: str, head: str, shape: Shape) -> str:
    parts = [head]
    for field in shape.fields:
        rule = RULES[field.kind.form]
        if field.kind.many:
            parts.append(f'*32("|" {rule})')
        else:
            parts.append(f'["|" {rule}]' if field.optional else f'"|" {rule}')
    if shape.options:
        choices = " / ".join(f'"{o.name}=" {RULES[o.kind.form]}' for o in shape.options)
        parts.append(f'*("|" ({choices}))')
    return f"{name} = {' '.join(parts)}"


def _answer_rule(verb: str, made: type[Request]) -> str:
    if made.listed:
        item = _rule("", f'"{verb}|ITEM"', made.reply.shape).removeprefix(" = ")
        body = f'{item} / "{verb}|SUCCESS|" number'
    else:
        body = _rule("", f'"{verb}|SUCCESS"', made.reply.shape).removeprefix(" = ")
    return f'{verb.lower()}-answer = {body} / "{verb}" failure'


def _alternatives(name: str, choices: list[str]) -> list[str]:
    text = textwrap.fill(" / ".join(choices), 90, break_on_hyphens=False)
    return [f"{name} = {text}".replace("\n", "\n    ")]


# Cells

_SHARED = {
    Code.BAD_LINE: "any line, as `ERROR`; `*BYE` to HTTP, and for a line that is not sealed; SEAL",
    Code.LINE_TOO_LONG: "any line, as `ERROR`",
    Code.UNKNOWN_VERB: "any line, as `ERROR`",
    Code.BAD_FIELD: "every command",
    Code.NOT_AUTHENTICATED: f"every command that may be used {Needs.LOGIN.value}",
    Code.ALREADY_AUTHENTICATED: f"every command that may be used {Needs.NO_LOGIN.value}",
    Code.UNAVAILABLE: (
        "every command that needs the database; CALL and SERVE; `*BYE` of a full server"
    ),
    Code.DENIED: "`*BYE`",
    **dict.fromkeys((Code.TIMEOUT, Code.SHUTDOWN, Code.QUIT, Code.EOF), "`*BYE`"),
    Code.INSECURE: "every command with a secret, where the server takes none in the clear",
}


def _answered(code: Code) -> str:
    """Where a code occurs."""
    declaring = [verb for verb, made in _sorted() if code in made.errors]
    return "; ".join([*([_SHARED[code]] if code in _SHARED else []), *declaring])


def _form(head: str, shape: Shape) -> str:
    return _code(head + shape.form)


def _code(text: str) -> str:
    """As code in a cell of a table, where a bar must be escaped."""
    return "`" + text.replace("|", "\\|") + "`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _sorted() -> list[tuple[str, type[Request]]]:
    return sorted(COMMANDS.items())


def _all_fields() -> list[Field]:
    def of(cls: type[Declared]) -> tuple[Field, ...]:
        return (*cls.shape.fields, *cls.shape.options)

    return [field for cls in DECLARED for field in of(cls)]


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text()))

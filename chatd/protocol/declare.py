"""How commands, replies and events are declared, and all that derives from a declaration.

A declaration is a dataclass. Its annotations name the kinds of its fields (`fields.py`), in the
order of the wire; a keyword-only field is an option, `name=value`. Nothing is generated: a `Shape`
is read off the class once, and reading and writing lines walk along it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform, get_args, get_type_hints

from .errors import ChatError, Code
from .fields import Kind, escape, escape_rest, unescape

_PLAIN_FORMS = ("#room", "one-time id")
"""Of kinds that the tables show by their form, not by the field's name."""


class Needs(Enum):
    """Whether one must be logged in for a command."""

    NOTHING = "any time"
    NO_LOGIN = "before login"
    LOGIN = "after login"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a shape; `name` is also its key in JSON."""

    name: str
    kind: Kind
    optional: bool

    @property
    def label(self) -> str:
        """As the tables show it."""
        plain = self.kind.form if self.kind.form in _PLAIN_FORMS else self.name.replace("_", " ")
        plain += "…" if self.kind.many else ""
        return f"[{plain}]" if self.optional else plain


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of a declared class: those told by place, then those told by name."""

    fields: tuple[Field, ...]
    options: tuple[Field, ...]

    @property
    def ends_free(self) -> bool:
        """Whether the last field is free text."""
        return bool(self.fields) and self.fields[-1].kind.rest

    @property
    def many(self) -> Field | None:
        """The last field, where it takes all that are left."""
        return self.fields[-1] if self.fields and self.fields[-1].kind.many else None

    @property
    def form(self) -> str:
        """How the fields told by place are written: `|user[|reason]`."""
        labels = [(field.label, field.optional) for field in self.fields]
        return "".join(f"[|{label[1:-1]}]" if left else f"|{label}" for label, left in labels)


class Declared:
    """What commands, replies and events have in common."""

    __slots__ = ()
    shape: ClassVar[Shape]
    doc: ClassVar[str]

    def __repr__(self) -> str:
        """For logs and tests: what is secret is not shown."""
        shown = (
            f"{field.name}={'…' if field.kind.secret else repr(getattr(self, field.name))}"
            for field in (*self.shape.fields, *self.shape.options)
        )
        return f"{type(self).__name__}({', '.join(shown)})"


R = TypeVar("R", bound="Reply", covariant=True)
D = TypeVar("D", bound=Declared)


class Reply(Declared):
    """The fields of a `SUCCESS` line, or of an `ITEM` line of a list."""

    __slots__ = ()


class Request(Declared):
    """What a client asks: a `Command` or a `Listing`."""

    __slots__ = ()
    verb: ClassVar[str]
    needs: ClassVar[Needs]
    listed: ClassVar[bool]
    reply: ClassVar[type[Reply]]
    errors: ClassVar[tuple[Code, ...]]
    confidential: ClassVar[bool]  # whether a field of it is secret
    requests: ClassVar[int] = 1


class Command(Request, Generic[R]):
    """A request answered by one line, an `R`."""

    __slots__ = ()
    listed = False


class Listing(Request, Generic[R]):
    """A request answered by ITEM lines, each an `R`, and their count."""

    __slots__ = ()
    listed = True


class Event(Declared):
    """A line that begins with `*`."""

    __slots__ = ()
    verb: ClassVar[str]
    when: ClassVar[str]


COMMANDS: dict[str, type[Request]] = {}
EVENTS: dict[str, type[Event]] = {}


def _kind(hint: Any) -> Kind:
    """The kind in `Annotated[…, kind]`, also inside `… | None`."""
    inner = hint if hasattr(hint, "__metadata__") else get_args(hint)[0]
    return inner.__metadata__[0]  # type: ignore[no-any-return]


def _shape(cls: type) -> Shape:
    hints = get_type_hints(cls, include_extras=True)
    fields: list[Field] = []
    options: list[Field] = []
    for field in dataclasses.fields(cls):
        optional = field.default is not dataclasses.MISSING
        found = Field(field.name, _kind(hints[field.name]), optional)
        (options if field.kw_only else fields).append(found)
    return Shape(tuple(fields), tuple(options))


def _declare(cls: type[D]) -> type[D]:
    made = dataclass(frozen=True, slots=True, repr=False)(cls)
    made.shape = _shape(made)
    made.doc = " ".join((made.__doc__ or "").split())
    return made


@dataclass_transform(frozen_default=True)
def reply(cls: type[D]) -> type[D]:
    """Declare the fields of a reply."""
    return _declare(cls)


@dataclass_transform(frozen_default=True)
def command(needs: Needs, reply: type[Reply], *errors: Code) -> Callable[[type[D]], type[D]]:
    """Declare a command: the verb is the class's name in capitals, the doc line its docstring."""

    def declare(cls: type[D]) -> type[D]:
        made: Any = _declare(cls)
        made.verb = cls.__name__.upper()
        made.needs, made.reply, made.errors = needs, reply, errors
        fields = (*made.shape.fields, *made.shape.options)
        made.confidential = any(field.kind.secret for field in fields)
        COMMANDS[made.verb] = made
        return made  # type: ignore[no-any-return]

    return declare


@dataclass_transform(frozen_default=True)
def event(verb: str) -> Callable[[type[D]], type[D]]:
    """Declare an event; its docstring says when it comes."""

    def declare(cls: type[D]) -> type[D]:
        made: Any = _declare(cls)
        made.verb, made.when = f"*{verb}", made.doc
        EVENTS[made.verb] = made
        return made  # type: ignore[no-any-return]

    return declare


def write_fields(value: Declared) -> list[str]:
    """The fields of `value` as they stand on the wire; an option that is None is left out."""
    shape = value.shape
    written = [escape(field.kind.format(getattr(value, field.name))) for field in shape.fields]
    if shape.ends_free:
        last = shape.fields[-1]
        written[-1] = escape_rest(last.kind.format(getattr(value, last.name)))
        if last.optional and not written[-1]:
            written.pop()
    elif (many := shape.many) is not None:
        written[-1:] = map(escape, getattr(value, many.name))
    for option in shape.options:
        if (held := getattr(value, option.name)) is not None:
            written.append(f"{option.name}={escape(option.kind.format(held))}")
    return written


def _value(field: Field, raw: str | list[str]) -> Any:
    held = unescape(raw) if isinstance(raw, str) else tuple(map(unescape, raw))
    try:
        return field.kind.parse(held)
    except ValueError as wrong:
        name = field.name.replace("_", " ")
        raise ChatError(Code.BAD_FIELD, f"The field '{name}' {wrong}.") from None


def _options(shape: Shape, raws: list[str]) -> dict[str, Any]:
    known = {option.name: option for option in shape.options}
    found: dict[str, Any] = {}
    for raw in raws:
        name, equals, held = raw.partition("=")
        if not equals or name not in known or name in found:
            what = ", ".join(f"{option}=" for option in known) or "none"
            raise ChatError(Code.BAD_FIELD, f"One field too many; options here: {what}.")
        found[name] = _value(known[name], held)
    return found


def read_fields(cls: type[D], rest: str | None) -> D:
    """Make a `cls` of what follows the verb and its bar (None: no bar). BAD_FIELD, TOO_BIG."""
    shape, many = cls.shape, cls.shape.many
    fields = shape.fields if many is None else shape.fields[:-1]
    places = len(fields)
    raws = [] if rest is None else rest.split("|", places - 1 if shape.ends_free else -1)
    values = {field.name: _value(field, raw) for field, raw in zip(fields, raws)}
    if len(raws) < places and not fields[len(raws)].optional:
        missing = fields[len(raws)].name.replace("_", " ")
        raise ChatError(Code.BAD_FIELD, f"The field '{missing}' is missing.")
    if many is None:
        values.update(_options(shape, raws[places:]))
    else:
        values[many.name] = _value(many, raws[places:])
    try:
        return cls(**values)
    except ValueError as wrong:
        raise ChatError(Code.BAD_FIELD, f"{wrong}.") from None


def usage(cls: type[Request]) -> str:
    """How a command is written: `HISTORY|conversation[|after=seq][|limit=number]`."""
    options = [(option.name, option.kind.form.partition(",")[0]) for option in cls.shape.options]
    return cls.verb + cls.shape.form + "".join(f"[|{name}={form}]" for name, form in options)

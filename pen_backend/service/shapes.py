"""What may cross the link: annotations of methods and records, parsed once into shapes.

A shape says how a value is read, written and described; `transports/rpc` turns shapes into converters and
`transports/elisp_stubs` into Lisp. Whatever is not in this table cannot be a parameter or a result, so that no
handler ever meets the ambiguity of Lisp's nil (link.md, section 4).
"""

import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

Text = Annotated[str, "text"]
"""Text that may be large or end in a file: strict UTF-8, no lone surrogates."""

Json = Annotated[str, "json"]
"""A JSON text in a string, for users' own records, where null, false, [] and {} must survive."""

AnyFloat = Annotated[float, "any-float"]
"""A float that may also be NaN or infinite, as the loss of a run that diverged."""

Name = Literal["str", "int", "float", "bool", "path", "text", "json", "any-float", "time", "none"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One of the simple types, by name."""

    name: Name


@dataclass(frozen=True, slots=True)
class Choice:
    """A Literal of strings; symbols in Lisp."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """A union of scalars, choices and None, or of one record and None."""

    members: "tuple[Shape, ...]"

    @property
    def optional(self) -> bool:
        """True if None is one of the members."""
        return NONE in self.members


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one shape."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class DictOf:
    """A dictionary from strings to one shape; a list of two-element lists in Lisp."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a method or a field of a record."""

    name: str
    shape: "Shape"
    required: bool

    @property
    def key(self) -> str:
        """The plist key: `:n-epochs` for `n_epochs`."""
        return ":" + self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Record:
    """A frozen dataclass; a plist in Lisp."""

    type: type[Any]
    fields: tuple[Parameter, ...]


Shape = Scalar | Choice | Either | ListOf | DictOf | Record

NONE = Scalar("none")
_SCALARS: dict[object, Scalar] = {
    str: Scalar("str"), int: Scalar("int"), float: Scalar("float"), bool: Scalar("bool"), Path: Scalar("path"),
    type(None): NONE, None: NONE, Text: Scalar("text"), Json: Scalar("json"), AnyFloat: Scalar("any-float"),
}
_LISP = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "path": "file", "text": "text",
         "json": "json", "any-float": "number", "time": "string", "none": "null"}


def parse(annotation: object, where: str, *, result: bool = False) -> Shape:
    """Parse an annotation; TypeError, which names WHERE, if it may not cross the link.

    A RESULT may also be a datetime, which is written as ISO 8601 in UTC.
    """
    return _parse(annotation, where, result, ())


def record(cls: type[Any], where: str, *, result: bool = False) -> Record:
    """Parse a frozen dataclass."""
    return _record(cls, where, result, ())


def lisp(shape: Shape) -> str:
    """Describe a shape as a Lisp form; the generated stubs check arguments against it."""
    match shape:
        case Scalar(name):
            return _LISP[name]
        case Choice(values):
            return f"(member {' '.join(values)})"
        case Either(members):
            return f"(or {' '.join(lisp(member) for member in members)})"
        case ListOf(item):
            return f"(list {lisp(item)})"
        case DictOf(item):
            return f"(dict {lisp(item)})"
        case Record(_, parameters):
            return f"(record{''.join(' ' + lisp_parameter(one) for one in parameters)})"


def lisp_parameter(parameter: Parameter) -> str:
    """Describe one parameter as `(:key TYPE)` or `(:key TYPE required)`."""
    return f"({parameter.key} {lisp(parameter.shape)}{' required' if parameter.required else ''})"


def _parse(annotation: object, where: str, result: bool, inside: tuple[type[Any], ...]) -> Shape:
    scalar = _scalar(annotation, result)
    if scalar is not None:
        return scalar
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return _choice(arguments, where)
    if origin in (typing.Union, types.UnionType):
        return _either([_parse(one, where, result, inside) for one in arguments], where)
    if origin is list:
        return ListOf(_parse(arguments[0], where, result, inside))
    if origin is dict:
        if arguments[0] is not str:
            raise TypeError(f"{where}: the keys of a dict that crosses the link are strings, not {arguments[0]!r}")
        return DictOf(_parse(arguments[1], where, result, inside))
    if isinstance(annotation, type) and is_dataclass(annotation):
        return _record(annotation, where, result, inside)
    raise TypeError(f"{where}: {annotation!r} may not cross the link")


def _scalar(annotation: object, result: bool) -> Scalar | None:
    if result and annotation is datetime:
        return Scalar("time")
    try:
        return _SCALARS.get(annotation)
    except TypeError:  # an annotation that is not even hashable
        return None


def _choice(values: tuple[object, ...], where: str) -> Choice:
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) != len(values) or not all(_is_symbol(text) for text in texts):
        raise TypeError(f"{where}: a Literal that crosses the link holds plain words, not {values!r}")
    return Choice(texts)


def _is_symbol(text: str) -> bool:
    letters = text.replace("-", "").replace("_", "").replace(".", "").replace("/", "")
    return letters.isascii() and letters.isalnum() and text[0].isalpha() and text not in ("t", "nil")


def _either(members: list[Shape], where: str) -> Either:
    others = [one for one in members if one != NONE]
    for one in others:
        if isinstance(one, ListOf | DictOf):
            raise TypeError(f"{where}: a list or dict may not be None or something else; in Lisp empty is nil too")
        if isinstance(one, Record) and len(others) > 1:
            raise TypeError(f"{where}: a record may be None but nothing else")
    names = {one.name for one in others if isinstance(one, Scalar)}
    if "path" in names and names & {"str", "text", "json"}:
        raise TypeError(f"{where}: a string cannot be told from a Path")
    return Either(tuple(members))


def _record(cls: type[Any], where: str, result: bool, inside: tuple[type[Any], ...]) -> Record:
    if cls in inside:
        raise TypeError(f"{where}: {cls.__name__} contains itself")
    if not cls.__dataclass_params__.frozen:
        raise TypeError(f"{where}: {cls.__name__} is not frozen")
    return Record(cls, tuple(_fields(cls, where, result, (*inside, cls))))


def _fields(cls: type[Any], where: str, result: bool, inside: tuple[type[Any], ...]) -> Iterator[Parameter]:
    hints = typing.get_type_hints(cls, include_extras=True)
    for one in fields(cls):
        shape = _parse(hints[one.name], f"{where}: {cls.__name__}.{one.name}", result, inside)
        yield Parameter(one.name, shape, one.default is MISSING and one.default_factory is MISSING)

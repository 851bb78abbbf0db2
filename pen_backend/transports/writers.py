"""From Python to Lisp: each shape makes one writer; a value without a form there is named by its path (link.md 4)."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pen_backend.errors import InternalError
from pen_backend.service.shapes import NONE, Choice, DictOf, Either, ListOf, Parameter, Record, Scalar, Shape
from pen_backend.transports.epc_codec import Symbol, dumps, quote, real

Writer = Callable[[Any], str]


class Unwritable(Exception):  # noqa: N818 - caught within this room; what callers see is an InternalError
    """A value without a form in Lisp; collects its path on the way up."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = ""


def result(shape: Shape, owner: str) -> Writer:
    """Make the function that prints OWNER's result; its InternalError names the path of what does not fit SHAPE."""
    write_value = writer(shape)

    def write_result(value: object) -> str:
        try:
            return write_value(value)
        except Unwritable as error:
            raise InternalError(f"{owner}: {error.message} at {error.path or 'its result'}.") from error

    return write_result


@cache
def writer(shape: Shape) -> Writer:
    """Make the function that prints a value of SHAPE."""
    match shape:
        case Scalar(name):
            return _SCALAR_WRITERS[name]
        case Choice(values):
            return _choice_writer(values)
        case Either():
            return _either_writer(shape)
        case ListOf(item):
            return _list_writer(writer(item))
        case DictOf(item):
            return _dict_writer(writer(item))
        case Record(cls, parameters):
            return _record_writer(cls, parameters)


def write_any(value: object) -> str:
    """Print a value by its own type; for the loose data of events."""
    if isinstance(value, Mapping):
        return _pairs(write_any, value)
    if isinstance(value, list | tuple):
        items = [_under(write_any, item, f"[{index}]") for index, item in enumerate(value)]
        return f"({' '.join(items)})" if items else "nil"
    if isinstance(value, Path):
        return _write_path(value)
    if isinstance(value, datetime):
        return _write_time(value)
    if is_dataclass(value) and not isinstance(value, type):
        return plist({one.name: getattr(value, one.name) for one in fields(value)})
    if isinstance(value, str) and not isinstance(value, Symbol):
        return _write_str(str(value))
    try:
        return dumps(value)
    except (TypeError, ValueError) as error:
        raise Unwritable(str(error)) from None


def plist(data: Mapping[str, object]) -> str:
    """Print a mapping whose keys are names of ours as a plist."""
    parts = []
    for name, item in data.items():
        parts += [":" + name.replace("_", "-"), _under(write_any, item, "." + name)]
    return f"({' '.join(parts)})"


def _pairs(write_one: Writer, data: Mapping[Any, object]) -> str:
    if not data:
        return "nil"
    pairs = [f"({_write_str(key)} {_under(write_one, item, f'[{index}]')})"
             for index, (key, item) in enumerate(data.items())]  # the path counts, for a key may be a user's text
    return f"({' '.join(pairs)})"


def _under(write_one: Writer, value: object, step: str) -> str:
    try:
        return write_one(value)
    except Unwritable as error:
        error.path = step + error.path
        raise


def _unfit(expected: str, value: object) -> Unwritable:
    return Unwritable(f"expected {expected}, got {type(value).__name__}")


def _write_str(value: object) -> str:
    if not isinstance(value, str):
        raise _unfit("str", value)
    if not value.isascii():
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise Unwritable(f"a lone surrogate (character {error.start + 1})") from None
    return quote(value)


def _write_int(value: object) -> str:
    if type(value) is not int:
        raise _unfit("int", value)
    return str(value)


def _write_float(value: object) -> str:
    if type(value) is float:
        return real(value)
    if type(value) is int:
        return real(float(value))
    raise _unfit("float", value)


def _write_bool(value: object) -> str:
    if value is True:
        return "t"
    if value is False:
        return "nil"
    raise _unfit("bool", value)


def _write_path(value: object) -> str:
    if not isinstance(value, Path):
        raise _unfit("Path", value)
    return _write_str(str(value.absolute()))


def _write_time(value: object) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _unfit("datetime with a zone", value)
    return quote(value.astimezone(UTC).isoformat().replace("+00:00", "Z"))


def _write_none(value: object) -> str:
    if value is not None:
        raise _unfit("None", value)
    return "nil"


_SCALAR_WRITERS: Mapping[str, Writer] = {
    "str": _write_str, "text": _write_str, "json": _write_str, "int": _write_int, "float": _write_float,
    "any-float": _write_float, "bool": _write_bool, "path": _write_path, "none": _write_none, "time": _write_time,
}


def _choice_writer(values: tuple[str, ...]) -> Writer:
    known = {value: value for value in values}

    def write_choice(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise _unfit(" or ".join(values), value)
        return known[value]

    return write_choice


def _either_writer(shape: Either) -> Writer:
    optional = shape.optional
    others = [one for one in shape.members if one != NONE]
    false = ":false" if optional and Scalar("bool") in others else "nil"
    # A word of a Literal is a symbol even where a string would do; an int is not made a float where it need not be.
    order = ["int", "float", "any-float"]
    others.sort(key=lambda one: -1 if isinstance(one, Choice) else
                order.index(one.name) if isinstance(one, Scalar) and one.name in order else len(order))
    writers = [writer(one) for one in others]

    def write_either(value: object) -> str:
        if value is None and optional:
            return "nil"
        if value is False and Scalar("bool") in others:
            return false
        failure: Unwritable | None = None
        for one in writers:
            try:
                return one(value)
            except Unwritable as error:
                failure = error
        raise failure or _unfit("None", value)

    return write_either


def _list_writer(item: Writer) -> Writer:
    def write_list(value: object) -> str:
        if not isinstance(value, list | tuple):
            raise _unfit("list", value)
        if not value:
            return "nil"
        try:
            return f"({' '.join([item(one) for one in value])})"
        except Unwritable:
            return f"({' '.join(_under(item, one, f'[{index}]') for index, one in enumerate(value))})"

    return write_list


def _dict_writer(item: Writer) -> Writer:
    def write_dict(value: object) -> str:
        if not isinstance(value, Mapping):
            raise _unfit("dict", value)
        return _pairs(item, value)

    return write_dict


def _record_writer(cls: type[Any], parameters: tuple[Parameter, ...]) -> Writer:
    columns = [(f"{one.key} ", one.name, writer(one.shape)) for one in parameters]

    def write_record(value: object) -> str:
        if not isinstance(value, cls):
            raise _unfit(cls.__name__, value)
        parts = []
        for key, name, write_one in columns:
            try:
                parts.append(key + write_one(getattr(value, name)))
            except Unwritable as error:
                error.path = f".{name}{error.path}"
                raise
        return f"({' '.join(parts)})"

    return write_record

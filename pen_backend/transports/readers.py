"""From Lisp to Python: each shape makes one reader, which says in one sentence what is wrong (link.md, section 4)."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from pen_backend.errors import BadParamsError, DataError
from pen_backend.service.shapes import NONE, Choice, DictOf, Either, ListOf, Parameter, Record, Scalar, Shape
from pen_backend.transports.epc_codec import Symbol

Reader = Callable[[object, str], Any]  # (value, what it is called) -> the declared type

NULL, FALSE = Symbol(":null"), Symbol(":false")


def arguments(parameters: Sequence[Parameter], owner: str) -> Callable[[object], dict[str, Any]]:
    """Make the function that reads the plist of a call of OWNER; its BadParamsError says which argument is wrong."""
    columns = {parameter.key: (parameter.name, reader(parameter.shape)) for parameter in parameters}
    required = [(parameter.name, parameter.key) for parameter in parameters if parameter.required]

    def read(plist: object) -> dict[str, Any]:
        items = _plist(plist, owner)
        given: dict[str, Any] = {}
        for index in range(0, len(items), 2):
            key = items[index]
            column = columns.get(key) if isinstance(key, Symbol) else None
            if column is None:
                raise _unknown(key, columns, owner)
            name, read_one = column
            if name in given:
                raise BadParamsError(f"{owner}: {key} is given twice.")
            given[name] = read_one(items[index + 1], str(key))
        for name, keyword in required:
            if name not in given:
                raise BadParamsError(f"{owner} needs {keyword}.")
        return given

    return read


@cache
def reader(shape: Shape) -> Reader:
    """Make the function that reads a value of SHAPE."""
    match shape:
        case Scalar(name):
            return _SCALAR_READERS[name]
        case Choice(values):
            return _choice_reader(values)
        case Either():
            return _either_reader(shape)
        case ListOf(item):
            return _list_reader(reader(item))
        case DictOf(item):
            return _dict_reader(reader(item))
        case Record(cls, parameters):
            return _record_reader(cls, parameters)


def _plist(value: object, owner: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) % 2:
        raise BadParamsError(f"{owner} takes a plist, got {_told(value)}.")
    return value


def _unknown(key: object, known: Mapping[str, object], owner: str) -> BadParamsError:
    if not isinstance(key, Symbol):
        return BadParamsError(f"{owner} takes keywords, got {_told(key)}.")
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"It knows {', '.join(known) or 'none'}."
    return BadParamsError(f"{owner} has no argument {key[:60]}.", hint=hint)


def _told(value: object) -> str:
    """Say what a value is without quoting a user's text."""
    if value is None:
        return "nil"
    if value is True:
        return "t"
    if isinstance(value, Symbol):
        return f"the symbol {value[:60]}"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a number" if isfinite(value) else "a number that is not finite"
    return "a list"


def _wrong(name: str, expected: str, value: object) -> BadParamsError:
    return BadParamsError(f"{name} must be {expected}, got {_told(value)}.")


def _read_str(value: object, name: str) -> str:
    if type(value) is not str:
        raise _wrong(name, "a string", value)
    return value


def _read_text(value: object, name: str) -> str:
    text = _read_str(value, name)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{name} has a character that is no text at position {error.start + 1}.",
                            hint="Save it as UTF-8, or remove the raw byte.") from None
    return text


def _read_large(value: object, name: str) -> str:
    if not isinstance(value, list):
        return _read_text(value, name)
    from pen_backend.transports.transfer import read_text  # few calls need it, and every start would pay

    if len(value) % 2:
        raise _wrong(name, "a string", value)
    return read_text({str(value[index]): value[index + 1] for index in range(0, len(value), 2)}, name)


def _read_int(value: object, name: str) -> int:
    if type(value) is not int:
        raise _wrong(name, "an integer", value)
    return value


def _read_any_float(value: object, name: str) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        raise _wrong(name, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise BadParamsError(f"{name} is too large.") from None


def _read_float(value: object, name: str) -> float:
    number = _read_any_float(value, name)
    if not isfinite(number):
        raise _wrong(name, "a finite number", value)
    return number


def _read_bool(value: object, name: str) -> bool:
    if value is True:
        return True
    if value is None or (value == FALSE and isinstance(value, Symbol)):
        return False
    raise _wrong(name, "t or nil", value)


def _read_path(value: object, name: str) -> Path:
    text = _read_str(value, name)
    if "\0" in text:
        raise BadParamsError(f"{name} holds a NUL, which no file name does.")
    path = Path(text)
    if text.startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError:
            raise BadParamsError(f"{name} names the home of somebody unknown.") from None
    if not path.is_absolute():
        raise BadParamsError(f"{name} must be an absolute file name.")
    return path


def _read_none(value: object, name: str) -> None:
    if value is not None and not (value == NULL and isinstance(value, Symbol)):
        raise _wrong(name, "nil", value)


def _read_nothing(value: object, name: str) -> Any:
    raise _wrong(name, "absent", value)


_SCALAR_READERS: Mapping[str, Reader] = {
    "str": _read_str, "text": _read_large, "json": _read_text, "int": _read_int, "float": _read_float,
    "any-float": _read_any_float, "bool": _read_bool, "path": _read_path, "none": _read_none, "time": _read_nothing,
}


def _choice_reader(values: tuple[str, ...]) -> Reader:
    def read(value: object, name: str) -> str:
        if isinstance(value, Symbol) and value in values:
            return str(value)
        near = difflib.get_close_matches(value, values, n=1) if isinstance(value, Symbol) else []
        raise BadParamsError(f"{name} must be one of {', '.join(values)}, got {_told(value)}.",
                             hint=f"Did you mean {near[0]}?" if near else None)

    return read


def _either_reader(shape: Either) -> Reader:
    # Order decides where two would do: None before False, the exact type before the wider one.
    order = ["none", "bool", "int", "float", "any-float", "json", "text", "str", "path"]
    members = sorted((one for one in shape.members),
                     key=lambda one: order.index(one.name) if isinstance(one, Scalar) else -1)
    if shape.optional:
        members.remove(NONE)
        members.insert(0, NONE)
    readers = [reader(one) for one in members]

    def read(value: object, name: str) -> Any:
        errors = []
        for one in readers:
            try:
                return one(value, name)
            except BadParamsError as error:
                errors.append(error)
        raise errors[-1]

    return read


def _list_reader(item: Reader) -> Reader:
    def read(value: object, name: str) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise _wrong(name, "a list", value)
        try:
            return [item(one, name) for one in value]
        except BadParamsError:
            return [item(one, f"{name}[{index}]") for index, one in enumerate(value)]

    return read


def _dict_reader(item: Reader) -> Reader:
    def read(value: object, name: str) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, list):
            raise _wrong(name, "a list of lists (KEY VALUE)", value)
        result: dict[str, Any] = {}
        for pair in value:
            if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) is not str:
                raise BadParamsError(f"{name} must be a list of lists (KEY VALUE) with strings for keys.")
            if pair[0] in result:
                raise BadParamsError(f"{name} has a key twice.")
            result[pair[0]] = item(pair[1], name)
        return result

    return read


def _record_reader(cls: type[Any], parameters: tuple[Parameter, ...]) -> Reader:
    read_fields = arguments(parameters, cls.__name__)

    def read(value: object, name: str) -> Any:
        try:
            return cls(**read_fields(value))
        except BadParamsError as error:
            raise BadParamsError(f"{name}: {error.message}", hint=error.hint) from None

    return read

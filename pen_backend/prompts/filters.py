r"""Filters of texts: a closed list of small functions. A prompt file names them; it never holds a program.

>>> apply(read(["unbullet", "uniq", {"first": 2}]), "- a\n- b\n- a\n- c")
'a\nb'
"""

import json
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, TypeAdapter
from pydantic_core import PydanticCustomError

from pen_backend.prompts import pipelines
from pen_backend.prompts.schema import Count, Many, Model, Name, Text, nearest, show

WIDTH = 70  # the columns of `fill`, Emacs's own default

Plain = Literal["strip", "lines", "uniq", "unbullet", "plain-lines", "number", "squeeze", "upcase", "downcase", "ascii",
                "fill", "one-line"]


class Join(Model):
    """Put the lines that are not blank into one, with a text between them."""

    join: Text


class Split(Model):
    """Begin a new line wherever a text stands."""

    split: Name


class First(Model):
    """Keep the first lines."""

    first: Count


class StripPrefix(Model):
    """Remove a text from the start of every line that begins with it."""

    strip_prefix: Name


NAMES: tuple[str, ...] = get_args(Plain)
ARGUMENTS: Mapping[str, str] = {"join": "TEXT", "split": "TEXT", "first": "NUMBER", "strip-prefix": "TEXT"}
BUILT_IN = ", ".join((*NAMES, *(f"{{{name}: {what}}}" for name, what in ARGUMENTS.items())))
# Signs that no filter's name has, and nearly every shell or Lisp program. Only the message depends on them.
_PROGRAM = re.compile(r"[\s|'\"()$`/\\]")


def _known(value: object) -> object:
    """Refuse everything but the built-in filters, in one sentence each."""
    if isinstance(value, Join | Split | First | StripPrefix):
        return value
    if isinstance(value, str):
        if value in NAMES:
            return value
        if value in ARGUMENTS:
            raise _expected(f"{{{value}: {ARGUMENTS[value]}}}", value)
        raise _refused(value)
    if not isinstance(value, dict) or len(value) != 1:
        raise _expected("the name of a filter", value)
    name, argument = next(iter(value.items()))
    if name in NAMES:
        raise PydanticCustomError("filter-refused", "the filter {name} takes no argument", {
            "name": show(name), "hint": f"write {name}"})
    if name not in ARGUMENTS:
        near = nearest(str(name), ARGUMENTS)
        raise PydanticCustomError("filter-refused", "there is no filter {name} with an argument", {
            "name": show(name), "hint": f"did you mean '{near}'?" if near else f"write {suggestion()}"})
    if name == "first":
        if not isinstance(argument, int) or isinstance(argument, bool) or argument < 1:
            raise _expected("{first: NUMBER}, a whole number above 0", argument)
    elif not isinstance(argument, str) or (not argument and name != "join"):
        raise _expected(f"{{{name}: TEXT}}", argument)
    return value


def _refused(value: str) -> PydanticCustomError:
    """Say why a text names no filter, and what to write instead."""
    known = pipelines.stand_in(value)
    near = nearest(value, (*NAMES, *ARGUMENTS))
    if known is not None:
        hint = f"write {suggestion(map(_shown, known))} instead" if known else "remove it: it does nothing"
    elif near is not None:
        return PydanticCustomError("filter-refused", "there is no filter {name}", {
            "name": show(value), "hint": f"did you mean '{near}'?"})
    else:
        hint = f"write {suggestion(pipelines.meant(value))} instead"
    if known is None and value and not _PROGRAM.search(value):
        return PydanticCustomError("filter-refused", "there is no filter {name}", {"name": show(value), "hint": hint})
    return PydanticCustomError("filter-refused", "pen runs no shell and no elisp", {"hint": hint})


def suggestion(names: Iterable[str] = ()) -> str:
    """Name filters as they are written into a file; without NAMES all there are."""
    wanted = ", ".join(names)
    return f"[{wanted}]" if wanted else f"one of {BUILT_IN}"


def _shown(one: object) -> str:
    return json.dumps(one, ensure_ascii=False) if isinstance(one, dict) else str(one)


def _expected(what: str, value: object) -> PydanticCustomError:
    return PydanticCustomError("filter-argument", "expected {what}, got {value}", {"what": what, "value": show(value)})


def _one_or_many(value: object) -> object:
    """Read one filter as a list of one, and judge it here: then its place is its own, not that of a list's item."""
    return [_known(value)] if isinstance(value, str | dict) else value


Filter = Annotated[Plain | Join | Split | First | StripPrefix, BeforeValidator(_known)]
Filters = Annotated[Many[Filter], BeforeValidator(_one_or_many, json_schema_input_type=Filter | tuple[Filter, ...])]

_FILTERS: TypeAdapter[Any] = TypeAdapter(Filters)


def read(values: object) -> tuple[Plain | Join | Split | First | StripPrefix, ...]:
    """Read filters as they stand in a file; pydantic's ValidationError if one is none."""
    found: tuple[Plain | Join | Split | First | StripPrefix, ...] = _FILTERS.validate_python(values)
    return found


def written(filters: Iterable[Filter]) -> list[str | dict[str, str | int]]:
    """Write filters as they stand in a file, for the format hash and for people."""
    return [one if isinstance(one, str) else one.model_dump(by_alias=True) for one in filters]


def apply(filters: Iterable[Filter], text: str) -> str:
    """Send a text through filters, the first one first; no filter fails, and none takes more than linear time."""
    for one in filters:
        match one:
            case Join():
                text = one.join.join(_lines(text))
            case Split():
                text = text.replace(one.split, "\n")
            case First():
                text = "\n".join(text.split("\n", one.first)[:one.first])
            case StripPrefix():
                text = "\n".join(line.removeprefix(one.strip_prefix) for line in text.split("\n"))
            case _:
                text = _PLAIN[one](text)
    return text


_BULLET = re.compile(r"^[^\S\n]*(?:[-*+•‣◦]|[0-9]{1,4}[.)])(?:[^\S\n]+|$)", re.MULTILINE)
_SPACES = re.compile(r"[^\S\n]+")
_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_PLAIN_LINE = re.compile(r"[\w -]+")
# What decomposing does not turn into ASCII: typographic signs, and letters that are no base with an accent.
_ASCII: Mapping[int, str] = str.maketrans({
    **dict.fromkeys("‘’‚‛′´", "'"), **dict.fromkeys("“”„‟″«»", '"'), **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...", "•": "*", "·": "*", "×": "x", "÷": "/", "€": "EUR", "£": "GBP", "©": "(c)", "®": "(R)", "™": "(TM)",
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D",
    "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L", "ı": "i", "¡": "!", "¿": "?",
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\xad", ""),
})


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _number(text: str) -> str:
    return "\n".join(f"{number}. {line}" for number, line in enumerate(_lines(text), 1))


def _ascii(text: str) -> str:
    """Write a text in ASCII; a sign that has no likeness there becomes a question mark, so that the loss is seen."""
    if text.isascii():
        return text
    # Marks go before decomposing too: putting a long row of them in order takes more than linear time.
    plain = _without_marks(unicodedata.normalize("NFKD", _without_marks(text.translate(_ASCII))))
    return plain.encode("ascii", "replace").decode()


def _without_marks(text: str) -> str:
    return "".join(sign for sign in text if not unicodedata.combining(sign))


def _fill(text: str) -> str:
    """Break each paragraph into lines of at most WIDTH columns; longer words and addresses stay whole."""
    filled = (textwrap.fill(" ".join(paragraph.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
              for paragraph in _BLANK.split(text.strip()))
    return "\n\n".join(filled)


_PLAIN: Mapping[Plain, Callable[[str], str]] = {
    "strip": str.strip,
    "lines": lambda text: "\n".join(line.strip() for line in _lines(text)),
    "uniq": lambda text: "\n".join(dict.fromkeys(text.split("\n"))),
    "unbullet": lambda text: _BULLET.sub("", text),
    "plain-lines": lambda text: "\n".join(line for line in text.split("\n") if _PLAIN_LINE.fullmatch(line)),
    "number": _number,
    "squeeze": lambda text: _SPACES.sub(" ", text),
    "upcase": str.upper,
    "downcase": str.lower,
    "ascii": _ascii,
    "fill": _fill,
    "one-line": lambda text: " ".join(line.strip() for line in _lines(text)),
}

"""A prompt's variables, with their values as text.

A value comes from Emacs, a command line, a definition or a record; it leaves here as the text that is put into a
template. Wrong ones are DataErrors with one finding, so that a build can count them and a person can read them.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field

from pen_backend.errors import DataError, Finding
from pen_backend.prompts.filters import Filters
from pen_backend.prompts.schema import Expect, Many, Model, Name, Text, advice, nearest, sentence

VariableType = Literal["string", "text", "int", "float", "bool", "list", "choice"]
From = Literal["region", "region-or-preceding", "preceding", "preceding-line", "surrounding", "line", "paragraph",
               "org-heading", "language"]
Given = Annotated[str | Many[str], Expect("text or a list of texts")]

_TRUE = frozenset({"true", "on", "yes"})
_FALSE = frozenset({"false", "off", "no"})
_ARTICLE: Mapping[str, str] = {
    "string": "one line of text", "text": "text", "int": "a whole number", "float": "a number",
    "bool": "true or false", "list": "a list of texts", "choice": "one of the choices",
}


class Variable(Model):
    """One variable of a prompt; `from_` says where Emacs takes it, None that the user is asked."""

    name: Annotated[str, Field(pattern=r"^[^<>\n]{1,60}$"), Expect("a name of at most 60 signs without < and >")]
    type: VariableType = "string"
    description: Text = ""
    default: Given | None = None
    from_: From | None = None
    example: Given | None = None
    choices: Annotated[Many[Name] | None, Expect("a list of texts")] = None
    join: Name = "\n"
    preprocessor: Filters = ()


@lru_cache(4096)  # the same titles and names are asked for again and again
def slug(text: str) -> str:
    """Reduce a title or a name to `[a-z0-9-]`, as commands and files are called."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def by_reference(variables: Sequence[Variable]) -> dict[str, Variable]:
    """Map what may stand in a placeholder to its variable: a name, else its slug, else its number from 1."""
    names = {variable.name: variable for variable in variables}
    slugs = {slug(variable.name): variable for variable in reversed(variables) if slug(variable.name)}
    numbers = {str(number): variable for number, variable in enumerate(variables, 1)}
    return {**numbers, **slugs, **names}


def text_of(variable: Variable, value: object, *, keep_end: bool = False) -> str:
    """Write a value as the text that fills the template; KEEP_END leaves newlines at its end.

    >>> text_of(Variable(name="n", type="int"), "007")
    '007'
    """
    if variable.type == "list":
        return _joined(variable, value, keep_end)
    text = _cleaned(variable, value, keep_end)
    if not _fits(variable, text):
        expected = _ARTICLE[variable.type]
        if variable.type == "choice":
            expected = f"{expected} {', '.join(variable.choices or ())}"
        if variable.type == "string" and "\n" in text:
            raise wrong(variable.name, "value", f"'{variable.name}' is one line of text, but this has a line break",
                        "give it `type: text`, or join the lines")
        raise wrong(variable.name, "value", f"'{variable.name}' must be {expected}")
    return {True: "true", False: "false"}[text.lower() in _TRUE] if variable.type == "bool" else text


def items_of(variable: Variable, text: str) -> list[str]:
    """Split a text into the items of a list; the inverse of joining them. Empty items are dropped."""
    return [item for item in text.split(variable.join) if item]


def wrong(name: str, code: str, message: str, hint: str | None = None, where: str | None = None) -> DataError:
    """Make the error of one value; it never quotes the value, because messages travel further than data may."""
    finding = Finding(code, message, where, hint, pointer=f"/{name}")
    return DataError(sentence(message), hint=advice(hint), where=where, findings=[finding])


def no_value(name: str) -> DataError:
    """Make the error of a variable without a value."""
    return wrong(name, "no-field", f"'{name}' has no value", "give it one, or a default in the definition")


def unknown_value(name: str, variables: Sequence[Variable]) -> DataError:
    """Make the error of a value whose name is no variable."""
    near = nearest(name, [variable.name for variable in variables])
    known = ", ".join(variable.name for variable in variables) or "none"
    return wrong(name, "no-field", f"'{name}' is not a variable of this prompt",
                 f"did you mean '{near}'?" if near else f"its variables are {known}")


def _joined(variable: Variable, value: object, keep_end: bool) -> str:
    if isinstance(value, str):
        items = items_of(variable, _cleaned(variable, value, keep_end))
    elif isinstance(value, list | tuple):
        items = [text for text in (_cleaned(variable, item, keep_end=False) for item in value) if text]
    else:
        raise wrong(variable.name, "value", f"'{variable.name}' must be a list of texts")
    joined = variable.join.join(items)
    if items_of(variable, joined) != items:
        raise wrong(variable.name, "join-inside",
                    f"an item of '{variable.name}' contains the text that joins the items, {variable.join!r}",
                    "take it out of the item (normalise: {newlines: space}), or choose another join")
    return joined


def _cleaned(variable: Variable, value: object, keep_end: bool) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        raise wrong(variable.name, "value", f"'{variable.name}' must be {_ARTICLE[variable.type]}")
    text = text.replace("\r\n", "\n")
    return text if keep_end else text.rstrip("\n")


def _fits(variable: Variable, text: str) -> bool:
    match variable.type:
        case "string":
            return "\n" not in text.rstrip("\n")
        case "int":
            return re.fullmatch(r"\s*[-+]?[0-9]+\s*", text, re.ASCII) is not None
        case "float":
            try:
                return math.isfinite(float(text))
            except ValueError:
                return False
        case "bool":
            return text.lower() in _TRUE | _FALSE
        case "choice":
            return text in (variable.choices or ())
        case _:
            return True

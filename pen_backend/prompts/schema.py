"""Building blocks of the schema, and its errors in our words.

The models are pydantic's: strict (the text "1" is no number), frozen, and refusing unknown keys. Keys are kebab-case
in files and snake_case in Python.
"""

import difflib
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic.types import Strict
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from pen_backend.errors import Level
from pen_backend.prompts.yaml import Path

Item = TypeVar("Item")

_SHOWN = 40  # a wrong value is quoted in the message up to this many characters


class Model(BaseModel):
    """A strict, frozen mapping of known keys."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", hide_input_in_errors=True,
        alias_generator=lambda name: name.rstrip("_").replace("_", "-"),
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong at one path of a definition; the loader turns it into a Finding with line and column.

    `at_key` points at the key instead of the value; `part` at a piece of text inside the value.
    """

    code: str
    path: Path
    message: str
    hint: str | None = None
    level: Level = "error"
    at_key: bool = False
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    """Replace all that pydantic may say about a value by one sentence: `expected WHAT`."""

    what: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Wrap the inner schema; its JSON Schema stays as it is."""
        return core_schema.custom_error_schema(
            handler(source), custom_error_type="expected", custom_error_message=f"expected {self.what}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number, or a whole number, between two bounds that the error message names."""

    minimum: float
    maximum: float | None = None
    whole: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Build the schema with its bounds; infinities and NaN are refused."""
        noun = "a whole number" if self.whole else "a number"
        schema: CoreSchema
        if self.whole:
            schema = core_schema.int_schema(strict=True, ge=int(self.minimum),
                                            le=None if self.maximum is None else int(self.maximum))
        else:
            schema = core_schema.float_schema(strict=True, ge=self.minimum, le=self.maximum, allow_inf_nan=False)
        least, most = f"{self.minimum:.10g}", f"{self.maximum or 0:.10g}"
        bounds = f"of at least {least}" if self.maximum is None else f"from {least} to {most}"
        return core_schema.custom_error_schema(
            schema, custom_error_type="expected", custom_error_message=f"expected {noun} {bounds}")


def _on_off(value: object) -> object:
    """Read the words that YAML 1.1 took for booleans and people still write."""
    return {"on": True, "yes": True, "off": False, "no": False}.get(value, value) if isinstance(value, str) else value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


# What a validator reads besides the type itself stands beside it for the JSON Schema.
Flag = Annotated[bool, BeforeValidator(_on_off, json_schema_input_type=bool | Literal["on", "off", "yes", "no"]),
                 Expect("true or false")]
Text = Annotated[str, Expect("text")]
Name = Annotated[str, Field(min_length=1), Expect("text that is not empty")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
                 Expect("a name of lower-case letters, digits and single hyphens")]
Bound = Annotated[int | float, Expect("a number")]
Share = Annotated[float, Number(0, 1)]
Count = Annotated[int, Number(1, whole=True)]
Natural = Annotated[int, Number(0, whole=True)]
Many = Annotated[tuple[Item, ...], Strict(False)]
Names = Annotated[tuple[Name, ...], Strict(False),
                  BeforeValidator(_one_or_many, json_schema_input_type=Name | tuple[Name, ...])]
IntRange = Annotated[tuple[Natural, Natural], Strict(False), Expect("two whole numbers [LOW, HIGH]")]
ShareRange = Annotated[tuple[Share, Share], Strict(False), Expect("two numbers [LOW, HIGH] from 0 to 1")]


def nearest(name: str, known: typing.Iterable[str]) -> str | None:
    """Find the known name that a misspelt one most likely means."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def sentence(text: str) -> str:
    """End a finding's message as the sentence of an exception."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def advice(hint: str | None) -> str | None:
    """Make a finding's hint the second sentence of an exception."""
    return sentence(hint[:1].upper() + hint[1:]) if hint else None


def unknown(name: str, known: typing.Iterable[str]) -> str:
    """Say that a key is unknown, and which was probably meant."""
    near = nearest(name, known)
    return f"unknown key '{name}'" + (f"; did you mean '{near}'?" if near else "")


def named(path: typing.Sequence[str | int]) -> str:
    """Write a path as a person would: `training.sources[0].path`."""
    words = ""
    for step in path:
        words += f"[{step}]" if isinstance(step, int) else f".{step}" if words else str(step)
    return words


def no_variable(name: str, variables: typing.Collection[str], path: Path) -> Problem:
    """Say that the key at PATH names no variable of the prompt."""
    near = nearest(name, variables)
    return Problem("undeclared", path, f"{named(path[:-1])}: '{name}' is not a variable"
                   f"{f'; did you mean {near!r}?' if near else ''}", at_key=True)


def regex_problem(pattern: str) -> str | None:
    """Say why a text is no regular expression."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {getattr(error, 'msg', 'it is too large')}"
    return None


def problems_of(error: ValidationError, model: type[BaseModel], named: Callable[[Path], str]) -> Iterator[Problem]:
    """Translate pydantic's errors; NAMED writes a path as a person would (`training.steps[0]`)."""
    for detail in error.errors(include_url=False, include_context=True):
        yield _problem(detail, model, named)


def keys_of(model: type[BaseModel]) -> list[str]:
    """List the keys a model reads, as written in files."""
    return [field.alias or name for name, field in model.model_fields.items() if not field.exclude]


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Find the model that describes the mapping at PATH."""
    here: type[BaseModel] | None = model
    annotation: object = model
    for step in path:
        if isinstance(step, int):
            continue
        if here is None:  # a mapping with free keys, such as `where: {COLUMN: …}`
            inner = _models(annotation)
            here = inner[0] if inner else None
            continue
        fields = {field.alias or name: field for name, field in here.model_fields.items()}
        if step not in fields:
            return None
        annotation = fields[step].annotation
        inner = [] if _is_mapping(annotation) else _models(annotation)
        here = inner[0] if inner else None
    return here


def show(value: object) -> str:
    """Quote a wrong value in a message, if it is short; say its kind otherwise."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, int | float):
        text = str(value)
    elif isinstance(value, str):
        text = repr(value)
    elif isinstance(value, list | tuple) and all(isinstance(item, str | int | float) for item in value):
        text = f"[{', '.join(show(item) for item in value)}]"
    else:
        return "a list" if isinstance(value, list | tuple) else "a mapping"
    if len(text) <= _SHOWN:
        return text
    return "a long text" if isinstance(value, str) else "a long list" if isinstance(value, list) else "a long number"


def _is_mapping(annotation: object) -> bool:
    return typing.get_origin(annotation) is dict or any(map(_is_mapping, typing.get_args(annotation)))


def _models(annotation: object) -> list[type[BaseModel]]:
    """List the models inside an annotation such as `Format | None` or `tuple[Step, ...]`."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) \
            and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in typing.get_args(annotation) for found in _models(argument)]


_KINDS: Mapping[str, str] = {
    "string_type": "expected text", "bool_type": "expected true or false",
    "tuple_type": "expected a list", "list_type": "expected a list",
    "dict_type": "expected a mapping", "mapping_type": "expected a mapping",
    "model_type": "expected a mapping", "model_attributes_type": "expected a mapping",
}


def _problem(detail: ErrorDetails, model: type[BaseModel], named: Callable[[Path], str]) -> Problem:
    path, kind, value = tuple(detail["loc"]), detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        inside = model_at(model, path[:-1]) or model
        key = str(path[-1])
        return Problem("unknown-key", path, unknown(key, keys_of(inside)), at_key=True)
    if kind == "missing":
        around = f"{named(path[:-1])}: " if path[1:] else ""
        return Problem("missing-key", path, f"{around}key '{path[-1]}' is missing", at_key=True)
    if kind == "filter-refused":
        return Problem("filter-refused", path, f"{named(path)}: {detail['msg']}", detail["ctx"]["hint"])
    hint = None
    if kind == "literal_error":
        message = f"expected {detail['ctx']['expected']}, got {show(value)}"
        near = nearest(value, re.findall("'([^']*)'", detail["ctx"]["expected"])) if isinstance(value, str) else None
        hint = f"did you mean '{near}'?" if near else None
    elif kind == "expected":
        message = f"{detail['msg']}, got {show(value)}"
    elif kind in _KINDS:
        message = f"{_KINDS[kind]}, got {show(value)}"
    else:
        message = detail["msg"]
    if kind in ("filter-refused", "filter-argument"):
        return Problem("filter-refused" if kind == "filter-refused" else "type", path, f"{named(path)}: {message}",
                       detail.get("ctx", {}).get("hint"))
    if kind in ("string_type", "expected") and "text" in message and isinstance(value, int | float):
        hint = "put it in quotes"
    return Problem("type", path, f"{named(path)}: {message}", hint)

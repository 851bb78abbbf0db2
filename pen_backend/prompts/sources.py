"""The `training.sources` list: where records come from (datasets.md, sections 2 and 3)."""

import codecs
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pen_backend.prompts.schema import (
    Bound,
    Count,
    Expect,
    Flag,
    Many,
    Model,
    Name,
    Names,
    Problem,
    Text,
    named,
    no_variable,
    regex_problem,
)
from pen_backend.prompts.yaml import Path

Reader = Literal["auto", "jokes", "org", "whatsapp", "transcript", "table", "jsonl", "text", "chatgpt"]
Unit = Literal["auto", "heading", "item", "table", "line", "paragraph", "file"]
Scalar = str | int | float | bool

# Keys that belong to a reader; all others of Source are common.
READER_KEYS: Mapping[str, frozenset[str]] = {
    "org": frozenset({"unit", "select"}),
    "text": frozenset({"unit"}),
    "whatsapp": frozenset({"user", "remove", "include-user", "drop", "date-order"}),
    "transcript": frozenset({"user", "remove", "include-user"}),
    "chatgpt": frozenset({"include-user"}),
}
_OWNED = frozenset().union(*READER_KEYS.values())
_UNITS: Mapping[str, tuple[str, ...]] = {
    "org": ("auto", "heading", "item", "table"), "text": ("line", "paragraph", "file"),
}


def _listed(value: object) -> object:
    """Read `VARIABLE: COLUMN` as `VARIABLE: [COLUMN]`."""
    if not isinstance(value, dict):
        return value
    return {key: [item] if isinstance(item, str) else item for key, item in value.items()}


class Condition(Model):
    """What a column must satisfy; comparisons only."""

    min: Bound | None = None
    max: Bound | None = None
    in_: Annotated[Many[Scalar] | None, Expect("a list of texts and numbers")] = None
    not_: Annotated[Many[Scalar] | None, Expect("a list of texts and numbers")] = None
    regex: Name | None = None
    exists: Flag | None = None


class Select(Model):
    """Which headings of an org file are read."""

    tag: Name | None = None
    todo: Name | None = None
    skip_todo: Flag = False


class Source(Model):
    """One source of records; `unit`, `select`, `user`, `remove`, … belong to some readers only."""

    reader: Reader = "auto"
    path: Name | None = None
    text: Text | None = None
    id: Name | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$"), Expect("64 hexadecimal digits")] | None = None
    encoding: Name = "utf-8"
    fields: Annotated[dict[str, Many[Name]], BeforeValidator(_listed, json_schema_input_type=dict[str, Names])] = Field(
        default_factory=dict)
    where: dict[str, Condition] = Field(default_factory=dict)
    limit: Count | None = None
    side: Literal["split", "train", "valid"] = "split"
    terms: Text | None = None
    unit: Unit | None = None
    select: Select = Select()
    user: Name | None = None
    remove: Names = ()
    include_user: Flag | None = None
    drop: Many[Literal["system", "media", "deleted", "poll", "call", "location", "contact"]] = ()
    date_order: Literal["dmy", "mdy", "ymd"] | None = None


def problems(sources: tuple[Source, ...], variables: tuple[str, ...] | None, around: Path) -> Iterator[Problem]:
    """Check what needs more than one key of a source: its place, its reader's own keys, its encoding and fields."""
    for index, source in enumerate(sources):
        path = (*around, index)
        name = named(path)
        if (source.path is None) == (source.text is None):
            yield Problem("source", path, f"{name}: a source has either a path or a text")
        written = {field.alias or key for key, field in Source.model_fields.items() if key in source.model_fields_set}
        for key in sorted(written & _OWNED - READER_KEYS.get(source.reader, frozenset())):
            owners = " or ".join(reader for reader, keys in READER_KEYS.items() if key in keys)
            yield Problem("unknown-key", (*path, key), f"{name}: '{key}' belongs to reader {owners}, not to "
                          f"'{source.reader}'", "name the reader", at_key=True)
        if source.unit and source.reader in _UNITS and source.unit not in _UNITS[source.reader]:
            expected = ", ".join(_UNITS[source.reader])
            yield Problem("type", (*path, "unit"), f"{name}.unit: reader {source.reader} reads {expected}, got "
                          f"'{source.unit}'")
        try:
            codecs.lookup(source.encoding)
        except LookupError:
            yield Problem("type", (*path, "encoding"), f"{name}.encoding: '{source.encoding}' is not an encoding")
        for column, condition in source.where.items():
            if condition.regex is not None and (wrong := regex_problem(condition.regex)):
                yield Problem("type", (*path, "where", column, "regex"), f"{name}.where.{column}.regex: {wrong}")
        for variable in source.fields if variables is not None else ():
            if variable not in (variables or ()):
                yield no_variable(variable, variables or (), (*path, "fields", variable))

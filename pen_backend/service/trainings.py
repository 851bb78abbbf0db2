"""What a definition says of its training set: the sources, the steps, and every other key that is written in it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pen_backend.prompts.training import TrainingSpec

# A text that needs no quotes: it is no number and none of the words that mean something else.
_PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off)$)[^\W\d_][\w.*/-]*(?: [\w.*/-]+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrainingSource:
    """One source: its path as written (None: a text in the file), who reads it, its licence, and its other keys."""

    path: str | None
    reader: str
    terms: str | None
    keys: str


@dataclass(frozen=True, slots=True)
class TrainingSetting:
    """A key of a training set and its value as the file has it."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class TrainingDetail:
    """A training set as it is written: the prompt whose texts its rows have, and how they are made."""

    prompt: str
    sources: list[TrainingSource]
    steps: list[str]
    settings: list[TrainingSetting]


def training_detail(spec: "TrainingSpec", prompt: str) -> TrainingDetail:
    """Describe a training set for the definition called PROMPT."""
    written = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    steps = [next(iter(one.model_dump(mode="json", by_alias=True, exclude_unset=True).items())) for one in spec.steps]
    return TrainingDetail(
        prompt=prompt,
        sources=[_source(one) for one in written.get("sources", ())],
        steps=[f"{name} {flow(keys)}" if keys else name for name, keys in steps],
        settings=[TrainingSetting(name, flow(value)) for name, value in written.items()
                  if name not in ("sources", "steps")])


def _source(written: Mapping[str, object]) -> TrainingSource:
    path, reader, terms = (written.get(name) for name in ("path", "reader", "terms"))
    others = {name: value for name, value in written.items() if name not in ("path", "reader", "terms", "text")}
    return TrainingSource(path=None if path is None else str(path), reader=str(reader or "auto"),
                          terms=None if terms is None else str(terms),
                          keys=", ".join(f"{name}: {flow(value)}" for name, value in others.items()))


def flow(value: object) -> str:
    """Write a value on one line, as YAML would read it.

    >>> flow({"by": ["near"], "valid": 0.1, "note": "a: b"})
    '{by: [near], valid: 0.1, note: "a: b"}'
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)

"""One training example: segments with loss weights or roles, and where they came from."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import orjson

from pen_backend.errors import DataError, Finding

_WEIGHT = "a weight is a finite number >= 0"
_CANONICAL = orjson.OPT_SORT_KEYS


# NamedTuples, not frozen dataclasses, which take three times as long to make: every record becomes an Example.
class Segment(NamedTuple):
    """A piece of text and how much its tokens count; `extra` keeps tool_calls and the like verbatim."""

    text: str
    weight: float = 1.0
    role: str | None = None
    name: str | None = None
    extra: Mapping[str, object] | None = None


class Origin(NamedTuple):
    """Where a record came from: the source's name and hash, and the place in it ("line 17", "heading p1")."""

    source: str
    sha256: str
    locator: str

    @property
    def where(self) -> str:
        """Write it as FILE:LINE where the place has a line, else as FILE and the place in words."""
        kind, _, rest = self.locator.partition(" ")
        if kind == "line" and (number := rest.partition(" ")[0]).isdigit():
            return f"{self.source}:{number}"
        return f"{self.source} {self.locator}".rstrip()


class Example(NamedTuple):
    """What a model is trained on: loss = sum(weight * nll) / sum(weight) over the segments' tokens."""

    segments: tuple[Segment, ...]
    rejected: tuple[Segment, ...] | None = None
    tools: tuple[Mapping[str, object], ...] | None = None
    label: str | None = None
    group: str | None = None
    meta: Mapping[str, object] = MappingProxyType({})
    origin: Origin = Origin("", "", "")

    @property
    def id(self) -> str:
        """What is trained on, as 16 hex digits; computed when it is asked for, because a build makes many examples."""
        return example_id(self.segments, self.rejected, self.tools)


def bad(code: str, message: str, *, where: str | None = None, pointer: str | None = None,
        hint: str | None = None) -> DataError:
    """Make the DataError of one record: one finding, whose code is of the vocabulary of datasets.md section 7."""
    finding = Finding(code, message, where=where, hint=hint, pointer=pointer)
    return DataError(message, hint=hint, where=where, findings=[finding])


def example_id(segments: Sequence[Segment], rejected: Sequence[Segment] | None = None,
               tools: Sequence[Mapping[str, object]] | None = None) -> str:
    """Hash what is trained on, and nothing else: 16 hex digits over canonical JSON."""
    content: dict[str, object] = {"segments": [_plain(segment) for segment in segments]}
    if rejected is not None:
        content["rejected"] = [_plain(segment) for segment in rejected]
    if tools is not None:
        content["tools"] = list(tools)
    try:
        canonical = orjson.dumps(content, option=_CANONICAL)
    except TypeError as error:
        raise bad("surrogate", f"the record cannot be written as JSON: {error}") from error
    return hashlib.sha256(canonical).hexdigest()[:16]


def make_example(segments: Sequence[Segment], *, origin: Origin, label: str | None = None, group: str | None = None,
                 meta: Mapping[str, object] | None = None, rejected: Sequence[Segment] | None = None,
                 tools: Sequence[Mapping[str, object]] | None = None) -> Example:
    """Build an Example; refuse weights that would train on nothing."""
    if not segments:
        raise bad("text-list-type", "an example needs at least one text", hint="give it one")
    total = 0.0
    for index, segment in enumerate(segments):
        if not (math.isfinite(segment.weight) and segment.weight >= 0):
            raise bad("weights-value", f"weight {index + 1} is {segment.weight}", hint=_WEIGHT)
        total += segment.weight
    if total == 0:
        raise bad("weights-zero", "all loss weights are 0, so nothing would be learned from this record",
                  hint="give what is to be learned a weight above 0")
    if not math.isfinite(total):
        raise bad("weights-value", "the sum of the weights is no finite number", hint=_WEIGHT)
    return Example(
        segments=tuple(segments),
        rejected=None if rejected is None else tuple(rejected),
        tools=None if tools is None else tuple(tools),
        label=label,
        group=group,
        meta={} if meta is None else meta,
        origin=origin,
    )


def _plain(segment: Segment) -> list[object]:
    return [segment.text, float(segment.weight), segment.role, segment.name,
            None if segment.extra is None else dict(segment.extra)]

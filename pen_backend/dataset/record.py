"""What readers yield, and steps pass on: records, examples, what was dropped with the reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pen_backend.errors import CancelledError, DataError, Finding
from pen_backend.records import Example, Origin, Segment

Side = Literal["train", "valid"]
SIDES: tuple[Side, Side] = ("train", "valid")
SYSTEM = ("system", "developer")  # the roles whose messages say how to answer

# Losses that are no fault of the file: counted, never limited by `max-bad` (datasets.md, section 7).
CONTENT_CODES = frozenset(("empty", "unlabelled", "duplicate", "near-duplicate", "filtered", "too-long", "too-short",
                           "end-inside", "join-inside", "boundary", "label-unknown", "sampled", "weights-zero",
                           "all-masked", "budget", "excluded"))


@dataclass(slots=True)  # not frozen, nor is Item: a build makes one for every record, and freezing triples its cost
class Record:
    """Fields by name and where they came from; a reader may also know the side and the weights of one record.

    Every reader fills the field `text` with the record's whole text.
    """

    fields: Mapping[str, object]
    origin: Origin
    side: Side | None = None
    weights: tuple[float, ...] | None = None


@dataclass(slots=True)
class Rejected:
    """A record that was dropped: where it stands, why, and what it was (`raw`, for rejected.jsonl alone).

    `pointer` leads to the part of it that is wrong; `where` is a place more exact than the origin's.
    """

    origin: Origin
    code: str
    message: str
    raw: object = None
    hint: str | None = None
    pointer: str | None = None
    where: str | None = None

    @property
    def is_bad(self) -> bool:
        """Say whether it counts against `max-bad`."""
        return self.code not in CONTENT_CODES

    @property
    def finding(self) -> Finding:
        """What is shown to people; without the text."""
        return Finding(self.code, self.message, self.where or place(self.origin), self.hint, pointer=self.pointer)


# A Finding among the records is something to know about the file, and no record itself.
Read = Record | Example | Rejected | Finding


@dataclass(slots=True)
class Item:
    """A record on its way: its text, the fields that the build uses, or a finished example instead."""

    text: str
    fields: Mapping[str, object]
    origin: Origin
    side: Side | None = None
    weights: tuple[float, ...] | None = None
    example: Example | None = None

    @property
    def likeness(self) -> str:
        """The text that makes it near to others: of a chat without the system's messages, which whole files share."""
        if self.example is None or self.example.segments[0].role is None:
            return self.text
        return " ".join([one.text for one in self.example.segments if one.role not in SYSTEM]) or self.text

    @property
    def raw(self) -> object:
        """What rejected.jsonl shows of it."""
        return {"segments": [segment.text for segment in self.example.segments]} if self.example else self.fields

    def reject(self, code: str, message: str) -> Rejected:
        """Say why it is dropped."""
        return Rejected(self.origin, code, message, self.raw)


def place(origin: Origin) -> str:
    """Write an origin as FILE:LINE where it has a line, else as FILE and the place in words."""
    return origin.where


def rejected(error: DataError, origin: Origin, raw: object = None) -> Rejected:
    """Turn the DataError of one record into its entry of rejected.jsonl."""
    finding = error.findings[0] if error.findings else Finding("value", error.message, hint=error.hint)
    return Rejected(origin, finding.code, finding.message, raw, finding.hint, finding.pointer, finding.where)


def shown(each: Read) -> dict[str, object]:
    """Return what a reader yields as JSON can hold it, with its origin; a Finding has none."""
    if isinstance(each, Finding):
        return {each.level: _plain_finding(each)}
    origin = {"source": each.origin.source, "sha256": each.origin.sha256, "locator": each.origin.locator}
    if isinstance(each, Record):
        return {**each.fields, "origin": origin}
    if isinstance(each, Rejected):
        return {"error": _plain_finding(each.finding), "origin": origin}
    more = {"label": each.label, "group": each.group, "meta": dict(each.meta) or None, "tools": each.tools,
            "rejected": None if each.rejected is None else [_plain_segment(one) for one in each.rejected]}
    return {"id": each.id, "segments": [_plain_segment(one) for one in each.segments],
            **{name: value for name, value in more.items() if value is not None}, "origin": origin}


def _plain_finding(finding: Finding) -> dict[str, object]:
    return {"code": finding.code, "where": finding.where, "pointer": finding.pointer, "message": finding.message,
            "hint": finding.hint}


def _plain_segment(segment: Segment) -> dict[str, object]:
    plain: dict[str, object] = {"text": segment.text, "weight": segment.weight, "role": segment.role}
    if segment.name is not None:
        plain["name"] = segment.name
    return plain if segment.extra is None else {**plain, **segment.extra}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: what it does, how many it has done, and of how many if that is known."""

    stage: str
    done: int
    total: int | None = None


class Pulse:
    """Report progress and notice a cancel, once in a while."""

    EVERY = 256

    def __init__(self, progress: Callable[[Progress], None] | None, cancelled: Callable[[], bool] | None) -> None:
        self._progress = progress
        self._cancelled = cancelled

    def beat(self, stage: str, done: int, total: int | None = None) -> None:
        """Say that DONE things are done; raise CancelledError if somebody asked to stop."""
        if done % self.EVERY:
            return
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("The build was cancelled; nothing was published.")
        if self._progress is not None:
            self._progress(Progress(stage, done, total))

"""What a preview of a training set shows: findings, and the first rows with what they were made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pen_backend.dataset.report import Report
    from pen_backend.errors import Finding


@dataclass(frozen=True, slots=True)
class PlanFinding:
    """One thing to know before training: where it is, what leads to it in a row, and what to do."""

    level: Literal["error", "warning", "note"]
    message: str
    where: str | None
    hint: str | None
    code: str
    pointer: str | None


@dataclass(frozen=True, slots=True)
class RowSegment:
    """One segment of a row: its text as it is trained, how much it counts, and its tokens."""

    text: str
    weight: float
    tokens: int


@dataclass(frozen=True, slots=True)
class RowPart:
    """A text of a record that can be written anew, and its name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class RowMember:
    """A record of a row; KEY names it in `edits`."""

    key: str
    where: str
    parts: list[RowPart]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One of the first rows, the place of its first record, and the records it was made of."""

    side: Literal["train", "valid"]
    segments: list[RowSegment]
    where: str
    members: list[RowMember]


def findings_of(findings: "Iterable[Finding]") -> list[PlanFinding]:
    """Return findings as they are shown."""
    return [PlanFinding(one.level, one.message, one.where, one.hint, one.code, one.pointer) for one in findings]


def rows_of(report: "Report") -> list[PlanRow]:
    """Return the first rows of a report."""
    return [PlanRow(row.side, [RowSegment(part.text, part.weight, part.tokens) for part in row.segments], row.where,
                    [RowMember(each.key, each.where, [RowPart(name, text) for name, text in each.parts])
                     for each in row.members])
            for row in report.rows]

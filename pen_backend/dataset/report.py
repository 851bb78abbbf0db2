"""What was read, kept and dropped, and why: counts, findings, the statistics table and the first rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pen_backend.dataset.record import Rejected, Side
from pen_backend.dataset.statistics import Part, Totals
from pen_backend.errors import Finding
from pen_backend.words import count

FINDINGS_SHOWN = 20
ROWS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class RowSegment:
    """One segment of a row as it is trained."""

    text: str
    weight: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Member:
    """One record of a row, as it can be changed by hand: its key, its place, and its texts by name."""

    key: str
    where: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One of the first rows: its side, segments, the place of its first record, and what it was made of."""

    side: Side
    segments: tuple[RowSegment, ...]
    where: str
    members: tuple[Member, ...] = ()


@dataclass(slots=True)
class SourceCount:
    """The records of one source: read = kept + all rejected."""

    name: str
    reader: str
    read: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    fields: dict[str, list[int]] = field(default_factory=dict)  # texts: how many records have one, and characters

    @property
    def kept(self) -> int:
        """How many became items."""
        return self.read - sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class Report:
    """A build in numbers and words."""

    sources: tuple[SourceCount, ...]
    items: Mapping[str, int]  # kept, used, left_over
    examples: Mapping[str, int]  # built, train, valid
    rejected: Mapping[str, int]  # examples dropped after they were built, by code
    findings: tuple[Finding, ...]
    table: str
    tokens: Mapping[str, int]  # of each side
    moved: int
    rows: tuple[Row, ...]
    steps: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # records dropped, by step and code
    overlaps: Mapping[str, int] = field(default_factory=dict)  # texts of one side in the other, tests and rows
    statistics: tuple[Part, ...] = ()  # by source and side
    cost: Mapping[str, Any] = field(default_factory=dict)  # what a budget pays for, if there is one
    anonymised: Mapping[str, Any] | None = None  # what was replaced, and what may be left (datasets.md, section 12)

    @property
    def records(self) -> int:
        """The number of records that were read."""
        return sum(source.read for source in self.sources)

    def to_json(self) -> dict[str, object]:
        """Return what report.json holds."""
        return {
            "sources": [{"name": one.name, "reader": one.reader, "read": one.read, "kept": one.kept,
                         "rejected": dict(sorted(one.rejected.items())), "fields": one.fields}
                        for one in self.sources],
            "steps": {step: dict(counts) for step, counts in self.steps.items()}, "overlaps": dict(self.overlaps),
            "items": dict(self.items), "examples": dict(self.examples), "rejected": dict(self.rejected),
            "tokens": dict(self.tokens), "moved": self.moved,
            "findings": [{"code": one.code, "level": one.level, "where": one.where, "message": one.message,
                          "pointer": one.pointer, "hint": one.hint} for one in self.findings],
            "table": self.table, "cost": dict(self.cost),
            "statistics": [{"source": one.source, "side": one.side, **asdict(one.totals)} for one in self.statistics],
            "rows": [{"side": one.side, "where": one.where,
                      "segments": [[part.text, part.weight, part.tokens] for part in one.segments],
                      "members": [[each.key, each.where, each.parts] for each in one.members]}
                     for one in self.rows],
            **({} if self.anonymised is None else {"anonymised": dict(self.anonymised)}),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Report":
        """Read back what `to_json` gave."""
        return Report(
            sources=tuple(SourceCount(one["name"], one["reader"], one["read"], dict(one["rejected"]),
                                      one.get("fields", {}))
                          for one in data["sources"]),
            items=data["items"], examples=data["examples"], rejected=data["rejected"],
            findings=tuple(Finding(one["code"], one["message"], one["where"], one["hint"], one["level"],
                                   one.get("pointer"))
                           for one in data["findings"]),
            table=data["table"], tokens=data["tokens"], moved=data["moved"],
            rows=tuple(Row(one["side"], tuple(RowSegment(*part) for part in one["segments"]), one["where"],
                           tuple(Member(key, where, tuple((name, text) for name, text in parts))
                                 for key, where, parts in one.get("members", ())))
                       for one in data["rows"]),
            steps=data.get("steps", {}), overlaps=data.get("overlaps", {}),
            statistics=tuple(Part(one.pop("source"), one.pop("side"), Totals(**one))
                             for one in map(dict, data.get("statistics", ()))),
            cost=data.get("cost", {}), anonymised=data.get("anonymised"))

    def to_text(self) -> str:
        """Write the page that report.txt holds."""
        lines = [f"{one.name}: read as {one.reader}, {one.read} read, {one.kept} kept"
                 + "".join(f", {number} {code}" for code, number in sorted(one.rejected.items()))
                 for one in self.sources]
        lines += [f"step {step}: " + ", ".join(f"{number} {code}" for code, number in sorted(counts.items()))
                  for step, counts in self.steps.items() if step != "read"]
        lines.append(f"{count(self.items['kept'], 'record')}: {self.items['used']} used, "
                     f"{self.items['left_over']} left over")
        lines.append(f"{count(self.examples['built'], 'example')}: {self.examples['train']} to train on, "
                     f"{self.examples['valid']} held out"
                     + "".join(f", {number} {code}" for code, number in sorted(self.rejected.items())))
        if "eight_words" in self.overlaps:
            lines.append(f"{self.overlaps['eight_words']} of {self.overlaps['held_out']} held-out texts share eight "
                         "words in a row with one that is trained on")
        lines += ["", self.table.rstrip("\n"), ""]
        lines += [f"{one.level}: {one}" for one in self.findings]
        if self.anonymised is not None and self.anonymised["capitalised"]:
            lines += ["", "Capitalised words that were left as they are; are there people among them?",
                      ", ".join(self.anonymised["capitalised"])]
        return "\n".join(lines).rstrip("\n") + "\n"


def bad_findings(bad: Sequence[Rejected], total: int) -> list[Finding]:
    """List the first bad records, and how many more there are."""
    findings = [one.finding for one in bad[:FINDINGS_SHOWN]]
    if total > len(findings):
        findings.append(Finding("more", f"and {count(total - len(findings), 'more bad record')}", level="note"))
    return findings

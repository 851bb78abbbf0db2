"""The books of a build: every record that is read, every one that is dropped with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pen_backend.dataset.items import Opened
from pen_backend.dataset.output import Lines, rejected_line
from pen_backend.dataset.record import Rejected
from pen_backend.dataset.report import FINDINGS_SHOWN, SourceCount, bad_findings
from pen_backend.errors import DataError, Finding
from pen_backend.words import count

_FIELDS = 50  # names of fields that are remembered; a table has a few, and JSON may have any number


class Ledger:
    """The books of one build: nothing is dropped without an entry."""

    def __init__(self, opened: Sequence[Opened], lines: Lines | None, on_bad: Literal["quarantine", "skip", "stop"],
                 *, raw: bool = True) -> None:
        """Without RAW nothing of a record itself is written: an anonymised set must not keep it.

        LINES None writes nothing at all.
        """
        self._sources = {one.document.name: SourceCount(one.document.name, one.name) for one in opened}
        self._lines = lines
        self._on_bad = on_bad
        self._raw = raw
        self._bad: list[Rejected] = []
        self._warnings: list[Finding] = []
        self.bad = 0
        self._steps: dict[str, dict[str, int]] = {}  # records dropped, by step and code
        self.examples: dict[str, int] = {}  # examples dropped after they were built, by code

    @property
    def sources(self) -> tuple[SourceCount, ...]:
        """The counts of each source, in order."""
        return tuple(self._sources.values())

    @property
    def steps(self) -> dict[str, dict[str, int]]:
        """How many records each step has dropped, by code: reading, the definition's steps, and what comes after."""
        def order(step: str) -> tuple[bool, bool, int, str]:
            number, _, name = step.partition(" ")
            return step != "read", not number.isdigit(), int(number) if number.isdigit() else 0, name

        return {step: self._steps[step] for step in sorted(self._steps, key=order)}

    @property
    def read(self) -> int:
        """How many records were read."""
        return sum(source.read for source in self._sources.values())

    def count(self, source: str, fields: Mapping[str, object] | None = None) -> None:
        """Count a record that was read, and the characters of its texts."""
        one = self._sources[source]
        one.read += 1
        known = one.fields
        for name, value in fields.items() if fields is not None else ():
            if type(value) is str:
                found = known.get(name)
                if found is not None:
                    found[0] += 1
                    found[1] += len(value)
                elif len(known) < _FIELDS:
                    known[name] = [1, len(value)]

    def reject(self, one: Rejected, step: str = "read") -> None:
        """Enter a record that is dropped, and the step that did it."""
        code = one.code
        if (steps := self._steps.get(step)) is None:
            steps = self._steps[step] = {}
        for counts in (self._sources[one.origin.source].rejected, steps):
            counts[code] = counts.get(code, 0) + 1
        self._enter(one)

    def reject_example(self, one: Rejected) -> None:
        """Enter an example that is dropped after it was built."""
        self.examples[one.code] = self.examples.get(one.code, 0) + 1
        self._enter(one)

    def warn(self, finding: Finding) -> None:
        """Keep what a reader has to say about a file."""
        self._warnings.append(finding)

    def _enter(self, one: Rejected) -> None:
        if self._lines is not None:
            self._lines.write(rejected_line(one, raw=self._raw))
        if not one.is_bad:
            return
        self.bad += 1
        if len(self._bad) < FINDINGS_SHOWN:
            self._bad.append(one)
        if self._on_bad == "stop":
            raise DataError(one.message, hint=one.hint, where=one.finding.where, findings=[one.finding])

    def too_bad(self, limit: float) -> bool:
        """Say whether more than the share LIMIT of all records is bad."""
        return self._on_bad != "skip" and self.bad > limit * self.read

    def error(self, limit: float, kept_at: str) -> DataError:
        """Make the error of a build that has too many bad records; the first of them are its findings."""
        first = self._bad[0].finding
        records = f"{self.bad} of {self.read} records cannot be used"
        return DataError(f"{records}, more than max-bad allows ({limit:.0%}); nothing was published. The first: "
                         f"{first.message}.", where=first.where,
                         hint=f"All of them are in {kept_at}. Mend them, or set `on-bad: skip`.",
                         findings=bad_findings(self._bad, self.bad))

    def findings(self) -> list[Finding]:
        """Say what was dropped: each bad record, and one line for each kind of ordinary loss of each source."""
        findings = [Finding("reader", f"{one.name} was read as {one.reader}", level="note") for one in self.sources]
        findings += self._warnings
        findings += [replace(one, level="warning") if one.level == "error" else one
                     for one in bad_findings(self._bad, self.bad)]
        for source in self.sources:
            for code, number in sorted(source.rejected.items()):
                if code in _REASONS:
                    findings.append(Finding(code, f"{count(number, 'record')} of {source.name} "
                                                  f"{_REASONS[code]}", level="note"))
        for code, number in sorted(self.examples.items()):
            findings.append(Finding(code, f"{count(number, 'example')} "
                                          f"{_REASONS.get(code, f'dropped: {code}')}",
                                    level="note" if code == "budget" else "warning"))
        return findings

    def losses(self) -> str:
        """List the kinds of loss in brackets, for the error of a set that is too small."""
        counts = dict(self.examples)
        for source in self.sources:
            for code, number in source.rejected.items():
                counts[code] = counts.get(code, 0) + number
        if not counts:
            return ""
        dropped = ", ".join(f"{number} {code}" for code, number in sorted(counts.items()))
        return f" (of {self.read}; dropped: {dropped})"


def unwritten(opened: Sequence[Opened]) -> Ledger:
    """Make the books of a pass that writes nothing, not even what it drops."""
    return Ledger(opened, None, "skip")


_REASONS = {
    "budget": "dropped: the budget does not pay for them",
    "empty": "dropped: no text",
    "unlabelled": "dropped: the completion is empty; they are in unlabelled.jsonl to be filled in",
    "duplicate": "dropped: the same text stands in an earlier record",
    "near-duplicate": "dropped: nearly the same text stands in another record",
    "filtered": "dropped by a filter or limit",
    "too-long": "dropped: more tokens than max-tokens",
    "too-short": "dropped: fewer tokens than min-tokens",
    "end-inside": "dropped: the text contains completion-end, so the answer would be cut there",
    "join-inside": "dropped: the text contains what joins the list",
    "weights-zero": "dropped: all loss weights are 0",
    "all-masked": "dropped: no token of them has a weight above 0",
    "label-unknown": "dropped: their label is none of the definition's classes",
}

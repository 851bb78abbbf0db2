"""Make the files of a training set from its inputs."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pen_backend.dataset import unlabelled
from pen_backend.dataset.audit import Audit, audit
from pen_backend.dataset.checks import refuse
from pen_backend.dataset.classes import label_of
from pen_backend.dataset.inputs import Inputs
from pen_backend.dataset.kept import Kept
from pen_backend.dataset.ledger import Ledger
from pen_backend.dataset.manifest import manifest_of, read_manifest
from pen_backend.dataset.nearness import nearness_of
from pen_backend.dataset.output import Directory, Written, pretty
from pen_backend.dataset.record import SIDES, Item, Pulse, Side
from pen_backend.dataset.rendering import choose
from pen_backend.dataset.report import Report
from pen_backend.dataset.sides import Sides, Straight, decide
from pen_backend.dataset.spool import Spool
from pen_backend.dataset.stream import evaluation, items
from pen_backend.dataset.writing import Writing
from pen_backend.errors import DataError
from pen_backend.words import count


@dataclass(frozen=True, slots=True)
class _Placed:
    """How many items there are, how many of them came as finished examples, and the side of each."""

    number: int
    finished: int
    plan: Sides


class Making:
    """One training set while its files are written."""

    def __init__(self, inputs: Inputs, made: Directory, pulse: Pulse) -> None:
        self._inputs = inputs
        self._want = inputs.want
        self._made = made
        self._pulse = pulse
        self._waiting, self._rejected = made.lines("unlabelled.jsonl"), made.lines("rejected.jsonl")
        self._ledger = Ledger(inputs.opened, self._rejected, inputs.spec.on_bad, raw=inputs.hide is None)
        self._nearness = None if inputs.edits.changes_texts else nearness_of(inputs.spec)
        self._writing = Writing(inputs, made, self._ledger, pulse)

    def run(self) -> tuple[Mapping[str, object], Report]:
        """Write every file but the manifest, which is returned with the report; DataError says what is wrong."""
        placed = self._rows()
        outputs = self._writing.finish(may_be_empty=not placed.number)
        audited = self._audit(outputs, placed)
        outputs += [one for lines in (self._rejected, self._waiting) if lines.rows for one in lines.close()]
        report = self._report(placed, audited)
        self._made.write("report.json", pretty(report.to_json()))
        self._made.write("report.txt", report.to_text().encode())
        return manifest_of(self._inputs, report, outputs, placed.plan.units, self._made.final.name,
                           self._writing.labels), report

    def _rows(self) -> _Placed:
        """Read the items, put each on its side, and write the rows."""
        inputs, spec, made = self._inputs, self._inputs.spec, self._made
        straight = Straight.of(spec) if inputs.purse is None else None
        label = partial(label_of, inputs.definition, variable=self._want.label)
        with contextlib.closing(Kept(spec, label, made.temporary, made.disk)) as kept:
            written = _gather(filter(self._writing.accepts, self._labelled()), kept, straight, self._writing)
            self._refuse_bad()
            if straight is not None and written:
                placed = _Placed(len(straight), straight.finished, straight.sides())
            else:
                placed = self._kept(kept)
        self._refuse_bad()
        return placed

    def _labelled(self) -> Iterable[Item]:
        """Read the items, and write those that a person has yet to label into a file of their own."""
        spool = partial(Spool, self._made.temporary, self._made.disk)
        stream = items(self._inputs, self._ledger, self._pulse, spool=spool, nearness=self._nearness)
        line = unlabelled.liner(self._inputs.definition)
        return unlabelled.labelled(stream, self._want, partial(self._ledger.reject, step="unlabelled"),
                                   lambda item: self._waiting.write(line(item)))

    def _kept(self, kept: Kept) -> _Placed:
        """Write the rows of items that had to wait for the last of them."""
        inputs = self._inputs
        if kept or not self._waiting.rows:  # a set that nobody has labelled yet is published to be labelled
            _refuse_too_few(inputs, kept, self._ledger)
        plan = decide(kept, inputs.spec, self._pulse, self._nearness)
        chosen = None if inputs.purse is None else choose(inputs.purse, inputs, self._pulse, kept, plan)
        self._writing.write(kept, plan, chosen)
        return _Placed(len(kept), kept.finished, plan)

    def _audit(self, outputs: Sequence[Written], placed: _Placed) -> Audit:
        """Check the written rows as a whole."""
        inputs = self._inputs
        files: dict[Side, list[Path]] = {side: [self._made.temporary / one.name for one in outputs
                                                if one.name.startswith(side)] for side in SIDES}
        return audit(inputs, files, lists=self._want.items is not None and not placed.finished,
                     evaluation=evaluation(inputs, self._pulse), labels=self._writing.labels, pulse=self._pulse)

    def _report(self, placed: _Placed, audited: Audit) -> Report:
        """Say what was done; DataError if a finding forbids the set."""
        inputs = self._inputs
        report = self._writing.report(placed.number, placed.plan, read_manifest(self._made.final.parent / "latest"))
        report = replace(report, overlaps=audited.overlaps,
                         findings=(*report.findings, *audited.findings, *inputs.edits.findings()))
        refuse(report.findings)
        if inputs.hide is None:
            return report
        hidden = inputs.hide.findings(one.document.name for one in inputs.opened)
        return replace(report, anonymised=inputs.hide.summary(), findings=(*report.findings, *hidden))

    def _refuse_bad(self) -> None:
        """Refuse a set of which too many records are bad, and keep their list beside where it would be."""
        limit, made = self._inputs.spec.max_bad, self._made
        if not self._ledger.too_bad(limit):
            return
        self._rejected.close()
        kept_at = made.final.with_suffix(".rejected.jsonl")
        made.disk.publish(made.temporary / "rejected.jsonl", kept_at)
        raise self._ledger.error(limit, str(kept_at))


def _gather(stream: Iterable[Item], kept: Kept, straight: Straight | None, writing: Writing) -> bool:
    """Write items as they come where their sides are known at once, else keep them; say whether they were written."""
    written = False
    for item in stream:
        side = None if straight is None else straight.put(item)
        if straight is None or side is None or not straight.both:
            kept.add(item)
            continue
        if not written:
            for each in kept.items:
                writing.add(straight.of_item(each), each)
            written = True
        writing.add(side, item)
    return written


def _refuse_too_few(inputs: Inputs, kept: Kept, ledger: Ledger) -> None:
    """Refuse a set that nothing can be learned from."""
    example = inputs.spec.example
    if not ledger.read:
        raise DataError(f"{inputs.names} is empty; there is nothing to learn from.",
                        hint="Mark a region with at least two texts, or name another file.")
    if not kept and example.build == "as-is":
        raise DataError(f"{inputs.names} has no usable row{ledger.losses()}.",
                        hint="Mend its rows, or name another file.", findings=ledger.findings())
    least = 1 if kept.finished else example.count[0] if example.build == "continuation" else 2
    if len(kept) < least:
        number = "no usable text" if not kept else count(len(kept), "usable text")
        raise DataError(f"{inputs.names} has {number}{ledger.losses()}; {inputs.definition.name} needs at least "
                        f"{'two' if least == 2 else least}.",
                        hint="Mark a larger region, or add texts to the file.", findings=ledger.findings())

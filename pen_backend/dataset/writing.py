"""Write examples, each on its side, counted on the way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from pen_backend.dataset.budget import Chosen
from pen_backend.dataset.classes import Counts
from pen_backend.dataset.inputs import Inputs
from pen_backend.dataset.kept import Kept
from pen_backend.dataset.ledger import Ledger
from pen_backend.dataset.manifest import sides_of
from pen_backend.dataset.output import Directory, Lines, Written
from pen_backend.dataset.record import SIDES, Item, Pulse, Side, place
from pen_backend.dataset.rendering import Rendering
from pen_backend.dataset.report import ROWS_SHOWN, Report, Row, RowSegment
from pen_backend.dataset.sides import Sides
from pen_backend.dataset.statistics import Part, Totals, table
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.training import TrainingSpec
from pen_backend.records import Example, Format, text_list_line, to_line
from pen_backend.words import count

_VALID_SHOWN = 10


class Writing:
    """The two files of a build, and what is counted on the way into them."""

    def __init__(self, inputs: Inputs, made: Directory, ledger: Ledger, pulse: Pulse) -> None:
        spec = inputs.spec
        self._spec = spec
        self._ledger = ledger
        self._pulse = pulse
        self._member = partial(inputs.edits.member, want=inputs.want)  # for whoever wants to change a row's records
        self._rendering = Rendering(inputs, ledger)
        self.accepts = self._rendering.accepts
        self._plain_weights = [float(weight) for weight in self._rendering.weights]
        self._is_quick = False  # rows of texts alone are written without making examples of them
        limit = spec.output.shard_mb * 1_000_000
        self._lines: dict[Side, Lines] = {side: made.lines(f"{side}.jsonl", limit) for side in SIDES}
        self._totals: dict[tuple[str, Side], Totals] = {}  # by source and side
        self._rows: dict[Side, list[Row]] = {"train": [], "valid": []}
        self._dialect: Format | None = None
        self._lossy = spec.output.lossy
        self._prompt_loss_weight = spec.prompt_loss_weight
        self._used = 0

    def add(self, side: Side, item: Item) -> None:
        """Build and write the example of one item; whoever reads the items says how far that is."""
        self._used += 1
        if not self._is_quick or not self._add_texts(side, item):
            for example, tokens in self._rendering.ready(side, item):
                self._write(side, example, tokens, lambda: [item])
            self._is_quick = self._dialect == "text-list" and self._rendering.is_quick

    def write(self, kept: Kept, plan: Sides, chosen: Chosen | None = None) -> None:
        """Build all examples and write them: finished ones and rows in input order, then the bundles of each side.

        With a budget, of those to train on only the CHOSEN ones.
        """
        rendering = self._rendering
        rendering.chosen = chosen
        for done, (side, item, bundled, make) in enumerate(rendering.examples(kept, plan)):
            self._pulse.beat("rows written", done, None if rendering.is_list else len(kept))
            if make is None:
                self.add(side, item)
                continue
            self._used += len(bundled)
            members = partial(_items_at, kept, bundled)
            for example, tokens in rendering.ready(side, item, make):
                self._write(side, example, tokens, members)

    @property
    def labels(self) -> Counts:
        """How many examples of each class were written to each side."""
        return self._rendering.inspector.labels

    def finish(self, *, may_be_empty: bool = False) -> list[Written]:
        """Close both files; a build without anything to train on is an error, unless it MAY_BE_EMPTY."""
        if not self._lines["train"].rows and not may_be_empty:
            raise DataError(f"No example is left to train on{self._ledger.losses()}; nothing was published.",
                            hint="Relax the definition's filters, lengths or checks, or add texts.",
                            findings=self._ledger.findings())
        return [one for side in SIDES for one in self._lines[side].close()]

    def report(self, kept: int, plan: Sides, previous: Mapping[str, object] | None) -> Report:
        """Put what was counted together."""
        total, sides = Totals(), {side: Totals() for side in SIDES}
        for (_, side), one in self._totals.items():
            total.join(one)
            sides[side].join(one)
        rendering, ledger = self._rendering, self._ledger
        written: dict[str, int] = {side: self._lines[side].rows for side in SIDES}
        held_out = self._rows["valid"][:_VALID_SHOWN]
        moved = _moved(plan.units, previous)
        return Report(
            sources=ledger.sources, items={"kept": kept, "used": self._used, "left_over": rendering.left_over},
            examples={"built": rendering.built, **written}, rejected=dict(sorted(ledger.examples.items())),
            findings=(*ledger.findings(), *self._findings(plan, moved)), table=table(total),
            tokens={side: sides[side].tokens for side in SIDES}, moved=moved,
            rows=(*self._rows["train"][:ROWS_SHOWN - len(held_out)], *held_out), steps=ledger.steps,
            statistics=tuple(Part(source, side, one) for (source, side), one in sorted(self._totals.items())),
            cost={} if rendering.chosen is None else {"budget": rendering.chosen.to_json()})

    def _add_texts(self, side: Side, item: Item) -> bool:
        """Write a row of texts about which there is nothing to say; most of a large set are such, at half the cost."""
        if len(self._rows[side]) < ROWS_SHOWN or (quick := self._rendering.quick(item)) is None:
            return False
        texts, tokens = quick
        try:
            line = text_list_line(texts, self._plain_weights)
        except TypeError:
            return False
        self._rendering.built += 1
        self._enter(side, item.origin.source, line, sum(tokens), texts)
        return True

    def _enter(self, side: Side, source: str, line: bytes, tokens: int, texts: list[str]) -> None:
        """Write a line and count it."""
        self._lines[side].write(line, tokens)
        totals = self._totals.get((source, side))
        if totals is None:
            totals = self._totals[source, side] = Totals()
        totals.add(tokens, "".join(texts))

    def _write(self, side: Side, example: Example, tokens: Sequence[int], items: Callable[[], Sequence[Item]]) -> None:
        if self._dialect is None:
            self._dialect = _dialect(example, self._spec)
        line = to_line(example, self._dialect, prompt_loss_weight=self._prompt_loss_weight, lossy=self._lossy)
        self._enter(side, example.origin.source, line, sum(tokens), [segment.text for segment in example.segments])
        if len(self._rows[side]) < ROWS_SHOWN:
            segments = tuple(RowSegment(segment.text, segment.weight, number)
                             for segment, number in zip(example.segments, tokens, strict=True))
            self._rows[side].append(Row(side, segments, place(example.origin), tuple(map(self._member, items()))))

    def _findings(self, plan: Sides, moved: int) -> Iterator[Finding]:
        share = self._spec.split.valid.share
        if not self._lines["train"].rows:
            yield Finding("unlabelled", "nothing to train on yet: no record has its completion", level="warning",
                          hint="fill in unlabelled.jsonl, and read it with `reader: jsonl`, `build: as-is` and "
                          "`boundary: repair`")
        elif share > 0 and not self._lines["valid"].rows:
            yield Finding("no-valid", "nothing is held out: there are too few texts for two sides", level="warning",
                          hint="add texts, or set `valid_share` to 0")
        if left_over := self._rendering.left_over:
            yield Finding("left-over", f"{count(left_over, 'text')} left over: too few of a kind for one more example",
                          level="note")
        if self._rendering.chosen is not None:
            yield self._rendering.chosen.finding
        yield from self._rendering.inspector.findings()
        if plan.torn:
            yield Finding("leak", f"{count(plan.torn, 'training record')} nearly equal to held-out ones, and held out "
                          "too", level="warning")
        if moved:
            yield Finding("moved", f"{count(moved, 'text')} changed sides since the last build", level="note")
        for side in SIDES:
            if (files := self._lines[side].files) > 1:
                yield Finding("shards", f"the rows of {side} are in {files} files, of at most about "
                              f"{self._spec.output.shard_mb} MB each", level="note",
                              hint="a job takes one file: raise output.shard-mb to train on all of it")


def _items_at(kept: Kept, places: Sequence[int]) -> list[Item]:
    """Read the items of a bundle."""
    return [kept.items[index] for index in places]


def _dialect(example: Example, spec: TrainingSpec) -> Format:
    """Choose what is written: what the definition says, else what the first example needs."""
    if "format" in spec.output.model_fields_set:
        return spec.output.format
    if example.rejected is not None:
        return "preference"
    return "chat" if example.segments[0].role is not None else "text-list"


def _moved(units: Mapping[Side, Sequence[int]], previous: Mapping[str, object] | None) -> int:
    """Count the units that were on another side in the previous build."""
    if previous is None:
        return 0
    held, were_held = frozenset(units["valid"]), frozenset(sides_of(previous, "valid"))
    return sum(key in held for key in sides_of(previous, "train")) + sum(key in were_held for key in units["train"])

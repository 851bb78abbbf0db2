"""Render, check, count and write examples, each on its side."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from pen_backend.dataset.budget import Chosen, Purse
from pen_backend.dataset.checks import Checks, checks_of
from pen_backend.dataset.classes import Counts
from pen_backend.dataset.cost import billed_length
from pen_backend.dataset.examples import bundles, continuation, lists_of, weights_of
from pen_backend.dataset.inspection import Inspector
from pen_backend.dataset.items import Wanted
from pen_backend.dataset.kept import Kept
from pen_backend.dataset.ledger import Ledger
from pen_backend.dataset.lengths import Counted
from pen_backend.dataset.manifest import sides_of
from pen_backend.dataset.output import Directory, Lines, Written
from pen_backend.dataset.record import SIDES, Item, Pulse, Rejected, Side, place, rejected
from pen_backend.dataset.report import ROWS_SHOWN, Member, Report, Row, RowSegment
from pen_backend.dataset.sides import Sides
from pen_backend.dataset.statistics import Counter, Part, Totals, table
from pen_backend.errors import DataError, Finding
from pen_backend.prompts import rows
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.training import TrainingSpec
from pen_backend.records import Example, Format, text_list_line, to_line
from pen_backend.tokens import Encoder
from pen_backend.words import count

_VALID_SHOWN = 10

Make = Callable[[], Example]
Describe = Callable[[Item], Member]


class Writing:
    """The two files of a build, and what is counted on the way into them."""

    def __init__(self, definition: Definition, spec: TrainingSpec, want: Wanted, encoder: Encoder, made: Directory,
                 ledger: Ledger, pulse: Pulse, member: Describe | None = None) -> None:
        """MEMBER describes the records of the rows that are shown, for whoever wants to change them."""
        self._definition = definition
        self._spec = spec
        self._encoder = encoder
        self._ledger = ledger
        self._pulse = pulse
        self._member = member
        self._weights = weights_of(definition, spec)
        self._make = rows.maker(definition, self._weights, want.texts)
        self._texts_of = rows.texter(definition, self._weights) if self._weights[-1] > 0 else None
        self._plain_weights = [float(weight) for weight in self._weights]
        self._is_quick = False  # rows of texts alone are written without making examples of them
        limit = spec.output.shard_mb * 1_000_000
        self._lines: dict[Side, Lines] = {side: made.lines(f"{side}.jsonl", limit) for side in SIDES}
        self._totals: dict[tuple[str, Side], Totals] = {}  # by source and side
        self._rows: dict[Side, list[Row]] = {"train": [], "valid": []}
        self._dialect: Format | None = None
        self._lossy = spec.output.lossy
        weight = spec.hyperparameters.get("prompt_loss_weight")
        self._prompt_loss_weight = float(weight) if isinstance(weight, int | float) else 0.0
        self._findings: list[Finding] = []
        self._built = self._used = 0
        self._left: dict[Side, int] = {}  # texts left over
        self._chosen: Chosen | None = None
        self._asked = 0  # examples to train on that the budget has been asked about
        self._checks = checks_of(spec)
        self._count = Counter(encoder)
        self._inspector = Inspector(definition, spec, encoder, self._checks, self._count)
        self._is_list = spec.example.build == "continuation"
        self._unlisted = _unlisted(definition, self._checks) if self._is_list else ()

    def accepts(self, item: Item) -> bool:
        """Reject a text that could not stand in a list, because it holds what joins or ends lists."""
        if not self._is_list or item.example is not None:
            return True
        for name, texts, message in self._unlisted:
            if any(text in item.text for text in texts):
                self._ledger.reject(item.reject(name, message), "lists")
                return False
        return True

    def choose(self, purse: Purse, kept: Kept, plan: Sides) -> Chosen:
        """Choose the examples to train on that a budget pays for, without writing anything."""
        count = Counter(purse.encoder)
        lengths, keys = array("Q"), array("Q")
        for done, (side, item, _, make) in enumerate(self._examples(kept, plan)):
            self._pulse.beat("rows counted", done, None if self._is_list else len(kept))
            if side == "train":
                ready = self._ready(side, item, make)
                lengths.append(sum(billed_length(example, count(example.segments), count) for example, _ in ready))
                keys.append(int(ready[0][0].id, 16) if ready else 0)
        return purse.choose(lengths, keys, self._spec.seed)

    def add(self, side: Side, item: Item) -> None:
        """Build and write the example of one item; whoever reads the items says how far that is."""
        self._used += 1
        if not self._is_quick or not self._add_texts(side, item):
            for example, tokens in self._ready(side, item, None):
                self._write(side, example, tokens, lambda: [item])
            self._is_quick = (self._texts_of is not None and self._chosen is None and self._dialect == "text-list"
                              and self._inspector.has_sampled)

    def write(self, kept: Kept, plan: Sides, chosen: Chosen | None = None) -> None:
        """Build all examples and write them: finished ones and rows in input order, then the bundles of each side.

        With a budget, of those to train on only the CHOSEN ones.
        """
        self._chosen = chosen
        for done, (side, item, bundled, make) in enumerate(self._examples(kept, plan)):
            self._pulse.beat("rows written", done, None if self._is_list else len(kept))
            if make is None:
                self.add(side, item)
                continue
            self._used += len(bundled)
            members = partial(_items_at, kept, bundled)
            for example, tokens in self._ready(side, item, make):
                self._write(side, example, tokens, members)

    def _examples(self, kept: Kept, plan: Sides) -> Iterator[tuple[Side, Item, Sequence[int], Make | None]]:
        """Yield the side of each example, its first item, the places of a bundle's items, and what makes it of them."""
        definition, spec, weights = self._definition, self._spec, self._weights
        members: dict[Side, list[int]] = {side: [] for side in SIDES}  # of the bundles
        lengths = array("I")
        for index, item in enumerate(kept.items):
            side = plan.of(index)
            if self._is_list:  # a joined item has about one token more than alone: what joins it
                lengths.append(self._encoder.count(item.text) + 1 if spec.example.max_tokens else 0)
            if self._is_list and item.example is None:
                members[side].append(index)
            else:
                yield side, item, (), None
        if not self._is_list:
            return
        items, keys, groups = kept.items, [plan.name(index) for index in range(len(kept))], kept.groups or ()
        for side in SIDES:
            found, left = bundles(members[side], keys, groups, spec.example, spec.seed, side,
                                  lengths if spec.example.max_tokens else None)
            self._left[side] = len(left)
            for bundle in found:
                yield (side, items[bundle.items[0]], bundle.items,
                       partial(continuation, definition, items, bundle, weights))

    @property
    def labels(self) -> Counts:
        """How many examples of each class were written to each side."""
        return self._inspector.labels

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
        written: dict[str, int] = {side: self._lines[side].rows for side in SIDES}
        held_out = self._rows["valid"][:_VALID_SHOWN]
        moved = _moved(plan.units, previous)
        return Report(
            sources=self._ledger.sources, items={"kept": kept, "used": self._used, "left_over": self._left_over},
            examples={"built": self._built, **written}, rejected=dict(sorted(self._ledger.examples.items())),
            findings=(*self._ledger.findings(), *self._findings_of(plan, moved)), table=table(total),
            tokens={side: sides[side].tokens for side in SIDES}, moved=moved,
            rows=(*self._rows["train"][:ROWS_SHOWN - len(held_out)], *held_out), steps=self._ledger.steps,
            statistics=tuple(Part(source, side, one) for (source, side), one in sorted(self._totals.items())),
            cost={} if self._chosen is None else {"budget": self._chosen.to_json()})

    @property
    def _left_over(self) -> int:
        """How many texts are in no example."""
        return sum(self._left.values())

    def _ready(self, side: Side, item: Item, make: Make | None) -> list[Counted]:
        """Make one example, of an item alone or by MAKE, and inspect it.

        Its own faults reject it, faults of the build end it.
        """
        self._built += 1
        if side == "train" and self._chosen is not None:
            self._asked += 1
            if not self._chosen.kept[self._asked - 1]:
                self._ledger.reject_example(item.reject("budget", "the budget does not pay for it"))
                return []
        try:
            if make is not None:
                example = make()
            elif item.example is not None:
                example = self._inspector.finished(item.example)
            else:
                example = self._make(item.fields, item.origin, item.weights)
            ready = self._inspector.inspect(example, item, side)
        except DataError as error:
            self._ledger.reject_example(rejected(error, item.origin, item.raw))
            return []
        if isinstance(ready, Rejected):
            self._ledger.reject_example(ready)
            return []
        self._built += len(ready) - 1  # a text that is too long may become several
        return ready

    def _add_texts(self, side: Side, item: Item) -> bool:
        """Write a row of texts about which there is nothing to say; most of a large set are such, at half the cost."""
        if item.example is not None or item.weights or self._texts_of is None or len(self._rows[side]) < ROWS_SHOWN:
            return False
        texts = self._texts_of(item.fields)
        if texts is None:
            return False
        tokens = self._count.texts(texts)
        if not self._inspector.passes(texts, tokens):
            return False
        try:
            line = text_list_line(texts, self._plain_weights)
        except TypeError:
            return False
        self._built += 1
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
            members = tuple(map(self._member, items())) if self._member is not None else ()
            self._rows[side].append(Row(side, segments, place(example.origin), members))

    def _findings_of(self, plan: Sides, moved: int) -> Iterator[Finding]:
        share = self._spec.split.valid.share
        if not self._lines["train"].rows:
            yield Finding("unlabelled", "nothing to train on yet: no record has its completion", level="warning",
                          hint="fill in unlabelled.jsonl, and read it with `reader: jsonl`, `build: as-is` and "
                          "`boundary: repair`")
        elif share > 0 and not self._lines["valid"].rows:
            yield Finding("no-valid", "nothing is held out: there are too few texts for two sides", level="warning",
                          hint="add texts, or set `valid_share` to 0")
        if self._left_over:
            yield Finding("left-over", f"{count(self._left_over, 'text')} left over: too few of a kind for one more "
                          "example", level="note")
        if self._chosen is not None:
            yield self._chosen.finding
        yield from self._inspector.findings()
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


def _unlisted(definition: Definition, checks: Checks) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """List what may stand in no item of a list, each with the check that forbids it."""
    end = definition.format.completion_end
    found = (("join-inside", tuple(dict.fromkeys(one.join for one in lists_of(definition))),
              "the text contains what joins the list's items"),
             ("end-inside", (end,) if end else (), "the text contains completion-end"))
    return tuple(one for one in found if checks.level(one[0]) == "error")


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

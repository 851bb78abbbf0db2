"""Render the items that stay as examples, each inspected before it is written."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pen_backend.dataset.budget import Chosen, Purse
from pen_backend.dataset.checks import Checks, checks_of
from pen_backend.dataset.cost import billed_length
from pen_backend.dataset.examples import bundles, continuation, lists_of, weights_of
from pen_backend.dataset.inputs import Inputs
from pen_backend.dataset.inspection import Inspector
from pen_backend.dataset.kept import Kept
from pen_backend.dataset.ledger import Ledger, unwritten
from pen_backend.dataset.lengths import Counted
from pen_backend.dataset.record import SIDES, Item, Pulse, Rejected, Side, rejected
from pen_backend.dataset.sides import Sides
from pen_backend.dataset.statistics import Counter
from pen_backend.errors import DataError
from pen_backend.prompts import rows
from pen_backend.prompts.definition import Definition
from pen_backend.records import Example

Make = Callable[[], Example]


class Rendering:
    """What makes the examples of one build, and how many it has made."""

    def __init__(self, inputs: Inputs, ledger: Ledger) -> None:
        definition, spec = inputs.definition, inputs.spec
        self._definition = definition
        self._spec = spec
        self._encoder = inputs.encoder
        self._ledger = ledger
        self.weights = weights_of(definition, spec)
        self._make = rows.maker(definition, self.weights, inputs.want.texts)
        self._texts_of = rows.texter(definition, self.weights) if self.weights[-1] > 0 else None
        self.chosen: Chosen | None = None  # by a budget, once it is known what all would cost
        self._asked = 0  # examples to train on that the budget has been asked about
        self.built = 0
        self._left: dict[Side, int] = {}  # texts left over
        checks = checks_of(spec)
        self._count = Counter(inputs.encoder)
        self.inspector = Inspector(definition, spec, inputs.encoder, checks, self._count)
        self.is_list = spec.example.build == "continuation"
        self._unlisted = _unlisted(definition, checks) if self.is_list else ()

    @property
    def left_over(self) -> int:
        """How many texts are in no example."""
        return sum(self._left.values())

    def accepts(self, item: Item) -> bool:
        """Reject a text that could not stand in a list, because it holds what joins or ends lists."""
        if not self.is_list or item.example is not None:
            return True
        for name, texts, message in self._unlisted:
            if any(text in item.text for text in texts):
                self._ledger.reject(item.reject(name, message), "lists")
                return False
        return True

    def examples(self, kept: Kept, plan: Sides) -> Iterator[tuple[Side, Item, Sequence[int], Make | None]]:
        """Yield the side of each example, its first item, the places of a bundle's items, and what makes it of them."""
        definition, spec, weights = self._definition, self._spec, self.weights
        members: dict[Side, list[int]] = {side: [] for side in SIDES}  # of the bundles
        lengths = array("I")
        for index, item in enumerate(kept.items):
            side = plan.of(index)
            if self.is_list:  # a joined item has about one token more than alone: what joins it
                lengths.append(self._encoder.count(item.text) + 1 if spec.example.max_tokens else 0)
            if self.is_list and item.example is None:
                members[side].append(index)
            else:
                yield side, item, (), None
        if not self.is_list:
            return
        items, keys, groups = kept.items, [plan.name(index) for index in range(len(kept))], kept.groups or ()
        for side in SIDES:
            found, left = bundles(members[side], keys, groups, spec.example, spec.seed, side,
                                  lengths if spec.example.max_tokens else None)
            self._left[side] = len(left)
            for bundle in found:
                yield (side, items[bundle.items[0]], bundle.items,
                       partial(continuation, definition, items, bundle, weights))

    def ready(self, side: Side, item: Item, make: Make | None = None) -> list[Counted]:
        """Make one example, of an item alone or by MAKE, and inspect it.

        Its own faults reject it, faults of the build end it.
        """
        self.built += 1
        if side == "train" and self.chosen is not None:
            self._asked += 1
            if not self.chosen.kept[self._asked - 1]:
                self._ledger.reject_example(item.reject("budget", "the budget does not pay for it"))
                return []
        try:
            if make is not None:
                example = make()
            elif item.example is not None:
                example = self.inspector.finished(item.example)
            else:
                example = self._make(item.fields, item.origin, item.weights)
            ready = self.inspector.inspect(example, item, side)
        except DataError as error:
            self._ledger.reject_example(rejected(error, item.origin, item.raw))
            return []
        if isinstance(ready, Rejected):
            self._ledger.reject_example(ready)
            return []
        self.built += len(ready) - 1  # a text that is too long may become several
        return ready

    @property
    def is_quick(self) -> bool:
        """Say whether from now on rows of texts alone may be written without making examples of them."""
        return self._texts_of is not None and self.chosen is None and self.inspector.has_sampled

    def quick(self, item: Item) -> tuple[list[str], list[int]] | None:
        """Return the texts of a row about which there is nothing to say, each with its tokens; None for any other."""
        if item.example is not None or item.weights or self._texts_of is None:
            return None
        texts = self._texts_of(item.fields)
        if texts is None:
            return None
        tokens = self._count.texts(texts)
        return (texts, tokens) if self.inspector.passes(texts, tokens) else None


def choose(purse: Purse, inputs: Inputs, pulse: Pulse, kept: Kept, plan: Sides) -> Chosen:
    """Choose the examples to train on that a budget pays for: what all would cost is known only after a first pass."""
    rendering, count = Rendering(inputs, unwritten(inputs.opened)), Counter(purse.encoder)
    lengths, keys = array("Q"), array("Q")
    for done, (side, item, _, make) in enumerate(rendering.examples(kept, plan)):
        pulse.beat("rows counted", done, None if rendering.is_list else len(kept))
        if side == "train":
            ready = rendering.ready(side, item, make)
            lengths.append(sum(billed_length(example, count(example.segments), count) for example, _ in ready))
            keys.append(int(ready[0][0].id, 16) if ready else 0)
    return purse.choose(lengths, keys, inputs.spec.seed)


def _unlisted(definition: Definition, checks: Checks) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """List what may stand in no item of a list, each with the check that forbids it."""
    end = definition.format.completion_end
    found = (("join-inside", tuple(dict.fromkeys(one.join for one in lists_of(definition))),
              "the text contains what joins the list's items"),
             ("end-inside", (end,) if end else (), "the text contains completion-end"))
    return tuple(one for one in found if checks.level(one[0]) == "error")

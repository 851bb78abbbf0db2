"""Windows of equal length: examples in seeded order, one after the other, cut every so many tokens.

Weights ride along. Where a document begins, positions restart, and the model does not look back. Nothing predicts the
first token of a document: unless it begins with the very token that the one before has ended with, which then serves
as both, so that an epoch has just the tokens of its texts and their ends.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

from pen_backend.engine.nn.batches import Plan, Step, shuffled
from pen_backend.engine.nn.tokenise import Encoded, Span, between


@dataclass(frozen=True)
class Windows(Plan):
    """Steps of PER_STEP windows of SIZE tokens; every epoch has as many, cut anew from another order."""

    examples: Sequence[Encoded]
    size: int
    per_step: int
    _cut: dict[int, tuple[list[Encoded], list[int]]] = field(default_factory=dict)

    @cached_property
    def tokens(self) -> int:
        """Count the tokens of an epoch."""
        return sum(len(example) - _shared(example) for example in self.examples)

    @property
    def steps_per_epoch(self) -> int:
        """Count the steps of an epoch; the last one may be smaller."""
        return math.ceil(math.ceil(self.tokens / self.size) / self.per_step)

    @property
    def together(self) -> int:
        """Count the windows of a micro-batch."""
        return max(1, min(self.per_step, self.token_budget // self.size))

    @property
    def batch_tokens(self) -> int:
        """Count the tokens of the largest micro-batch."""
        return self.together * self.size

    def items(self, number: int) -> Sequence[Encoded]:
        """Return the windows of a step's epoch."""
        return self._epoch(number)[0]

    def step(self, number: int) -> Step:
        """Return the step of a number from 1."""
        windows, begun = self._epoch(number)
        first = (number - 1) % self.steps_per_epoch * self.per_step
        numbers = range(first, min(first + self.per_step, len(windows)))
        groups = tuple(tuple(numbers[i : i + self.together]) for i in range(0, len(numbers), self.together))
        return Step(groups, math.fsum(windows[i].weight_sum for i in numbers), sum(len(windows[i]) for i in numbers),
                    sum(begun[i] for i in numbers))

    def _epoch(self, number: int) -> tuple[list[Encoded], list[int]]:
        """Cut the windows of a step's epoch, and count the documents that begin in each; only the last one is kept."""
        epoch = self.epoch_of(number) - 1
        if epoch not in self._cut:
            self._cut.clear()
            stream = join([self.examples[i] for i in shuffled(len(self.examples), self.seed, epoch)])
            begins = (0, *stream.starts)
            cuts = [bisect_left(begins, place) for place in (*range(0, len(stream), self.size), len(stream))]
            self._cut[epoch] = list(pieces(stream, self.size)), [after - before for before, after in pairwise(cuts)]
        return self._cut[epoch]


def join(examples: Sequence[Encoded]) -> Encoded:
    """Join examples to one stream that knows where each begins."""
    ids, spans, starts = array("i"), list[Span](), list[int]()
    for example in examples:
        if shared := _shared(example):
            starts.append(max(0, len(ids) - shared))
            spans += between(example, shared, len(example)).spans
        else:
            starts.append(len(ids))
            first, *rest = example.spans
            spans += [Span(1, 0.0, scored=False), *([replace(first, tokens=first.tokens - 1)] if first.tokens > 1
                                                    else []), *rest]
        ids.extend(example.ids[shared:])
    return Encoded(ids, tuple(spans), 0, tuple(starts[1:]))


def pieces(example: Encoded, size: int) -> Iterator[Encoded]:
    """Cut an example every SIZE tokens."""
    place, spans, starts = 0, iter(example.spans), iter((*example.starts, len(example)))
    span, start = next(spans), next(starts)
    left = span.tokens
    while place < len(example):
        stop = min(place + size, len(example))
        taken, inside, room = [], [], stop - place
        while room:
            if not left:
                span = next(spans)
                left = span.tokens
            taken.append(replace(span, tokens=min(left, room)))
            left -= taken[-1].tokens
            room -= taken[-1].tokens
        while start < stop:
            if start > place:
                inside.append(start - place)
            start = next(starts)
        yield Encoded(example.ids[place:stop], tuple(taken), 0, tuple(inside))
        place = stop


def _shared(example: Encoded) -> int:
    """Count the tokens, none or one, that an example begins with and the one before has ended with."""
    return 1 if example.begin == 1 and example.ids[0] == example.ids[-1] and len(example) > 1 else 0

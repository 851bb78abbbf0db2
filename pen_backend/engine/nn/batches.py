"""Which examples a step trains on: length buckets cut once, visited in an order of seed and epoch.

Examples of like length share a batch, so almost nothing is padding. What is in a batch never changes; only the order
of the batches does, and it is a pure function of (seed, epoch): a resume needs the step's number and nothing else.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pen_backend.engine.nn.spec import Batch
from pen_backend.engine.nn.tokenise import Encoded

LEAST_BUDGET = 1024
LEAST_STEPS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimiser step sees: micro-batches of example numbers, their summed weight and count of tokens."""

    micro_batches: tuple[tuple[int, ...], ...]
    weight_sum: float
    tokens: int


@dataclass(frozen=True)
class Plan:
    """All steps of a job: those of an epoch, in another order each epoch. Steps count from 1."""

    epoch: tuple[Step, ...]
    n_epochs: int
    seed: int
    token_budget: int

    @property
    def total_steps(self) -> int:
        """Count the steps of all epochs."""
        return len(self.epoch) * self.n_epochs

    @cached_property
    def order(self) -> tuple[tuple[int, ...], ...]:
        """List, for each epoch, which of its steps comes when."""
        keys = [[draw(self.seed, "order", epoch, i) for i in range(len(self.epoch))] for epoch in range(self.n_epochs)]
        return tuple(tuple(sorted(range(len(self.epoch)), key=key.__getitem__)) for key in keys)

    def step(self, number: int) -> Step:
        """Return the step of a number from 1."""
        epoch, index = divmod(number - 1, len(self.epoch))
        return self.epoch[self.order[epoch][index]]

    def epoch_of(self, number: int) -> int:
        """Return the epoch, from 1, a step belongs to."""
        return (number - 1) // len(self.epoch) + 1

    def ends_epoch(self, number: int) -> bool:
        """Tell whether a step is the last of its epoch."""
        return number % len(self.epoch) == 0


def plan_steps(examples: Sequence[Encoded], batch: Batch, *, n_epochs: int, seed: int) -> Plan:
    """Cut the examples into the steps of a job."""
    ceiling = batch.token_budget or 4096
    by_length = sorted(range(len(examples)), key=lambda i: (len(examples[i]), i))
    if batch.kind == "tokens":
        buckets, budget = _few_enough_tokens(examples, by_length, ceiling)
        grouped: list[tuple[tuple[int, ...], ...]] = [(bucket,) for bucket in buckets]
    else:
        size, budget = min(batch.size or 1, len(examples)), ceiling
        micro_batches = math.ceil(size * len(examples[by_length[-1]]) / budget)
        grouped = [split(by_length[start : start + size], micro_batches) for start in range(0, len(by_length), size)]
    return Plan(tuple(_step(examples, group) for group in grouped), n_epochs, seed, budget)


def cut(examples: Sequence[Encoded], order: Sequence[int], budget: int) -> list[tuple[int, ...]]:
    """Cut example numbers, shortest first, into batches of at most BUDGET padded tokens."""
    batches: list[list[int]] = [[]]
    for i in order:
        if batches[-1] and (len(batches[-1]) + 1) * len(examples[i]) > budget:
            batches.append([])
        batches[-1].append(i)
    return [tuple(batch) for batch in batches if batch]


def split(numbers: Sequence[int], parts: int) -> tuple[tuple[int, ...], ...]:
    """Split a step's examples into at most PARTS micro-batches of about equal count."""
    size = math.ceil(len(numbers) / parts)
    return tuple(tuple(numbers[start : start + size]) for start in range(0, len(numbers), size))


def draw(seed: int, *key: object) -> bytes:
    """Draw 16 bytes for a key: the same on every machine, in every release, whatever was drawn before."""
    return hashlib.blake2b(repr((seed, *key)).encode(), digest_size=16).digest()


def pick(count: int, wanted: int, seed: int, what: str) -> list[int]:
    """Pick WANTED of COUNT numbers by seed, in ascending order."""
    return sorted(sorted(range(count), key=lambda i: draw(seed, what, i))[:wanted])


def _few_enough_tokens(examples: Sequence[Encoded], order: list[int],
                       ceiling: int) -> tuple[list[tuple[int, ...]], int]:
    """Lower the token budget, down to a limit, until an epoch has some steps: few steps learn little."""
    budget = ceiling
    while True:
        batches = cut(examples, order, budget)
        if len(batches) >= LEAST_STEPS or budget // 2 < LEAST_BUDGET:
            return batches, budget
        budget //= 2


def _step(examples: Sequence[Encoded], groups: Sequence[tuple[int, ...]]) -> Step:
    numbers = [i for group in groups for i in group]
    return Step(tuple(groups), math.fsum(examples[i].weight_sum for i in numbers),
                sum(len(examples[i]) for i in numbers))

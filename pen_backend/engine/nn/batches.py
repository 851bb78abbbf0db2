"""Which examples a step trains on: length buckets cut once, visited in an order of seed and epoch.

Examples of like length share a batch, so almost nothing is padding. What is in a batch never changes; only the order
of the batches does, and it is a pure function of (seed, epoch): a resume needs the step's number and nothing else.
"""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from pen_backend.engine.nn.spec import Batch

LEAST_BUDGET = 1024
LEAST_STEPS = 8


class Item(Protocol):
    """What batches are made of. Its length is the room it takes in a batch, `tokens` what it brings to learn from."""

    def __len__(self) -> int: ...

    @property
    def tokens(self) -> int: ...  # noqa: D102 - the class says it

    @property
    def weight_sum(self) -> float: ...  # noqa: D102 - what the loss of a step is divided by, summed over its items


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimiser step sees: micro-batches of numbers of the plan's items, and sums over them."""

    micro_batches: tuple[tuple[int, ...], ...]
    weight_sum: float
    tokens: int
    examples: int


@dataclass(frozen=True)
class Plan(ABC):
    """All steps of a job, in an order of its own each epoch. Steps count from 1.

    `batch_tokens` is the size of its largest micro-batch, padding included.
    """

    n_epochs: int
    seed: int
    token_budget: int

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """Count the steps of an epoch."""

    @property
    @abstractmethod
    def batch_tokens(self) -> int:
        """Count the tokens of the largest micro-batch, padding included."""

    @abstractmethod
    def items(self, number: int) -> Sequence[Any]:
        """Return what a step's micro-batches number."""

    @abstractmethod
    def step(self, number: int) -> Step:
        """Return the step of a number from 1."""

    @property
    def total_steps(self) -> int:
        """Count the steps of all epochs."""
        return self.steps_per_epoch * self.n_epochs

    def epoch_of(self, number: int) -> int:
        """Return the epoch, from 1, a step belongs to."""
        return (number - 1) // self.steps_per_epoch + 1

    def ends_epoch(self, number: int) -> bool:
        """Tell whether a step is the last of its epoch."""
        return number % self.steps_per_epoch == 0


@dataclass(frozen=True)
class Buckets(Plan):
    """Steps of whole examples: those of an epoch are always the same, in another order each time."""

    examples: Sequence[Item]
    epoch: tuple[Step, ...]

    @property
    def steps_per_epoch(self) -> int:
        """Count the steps of an epoch."""
        return len(self.epoch)

    @cached_property
    def batch_tokens(self) -> int:
        """Count the tokens of the largest micro-batch, padding included."""
        return max(len(group) * max(len(self.examples[i]) for i in group)
                   for step in self.epoch for group in step.micro_batches)

    @cached_property
    def order(self) -> tuple[tuple[int, ...], ...]:
        """List, for each epoch, which of its steps comes when."""
        return tuple(tuple(shuffled(len(self.epoch), self.seed, epoch)) for epoch in range(self.n_epochs))

    def items(self, number: int) -> Sequence[Any]:
        """Return the examples."""
        return self.examples

    def step(self, number: int) -> Step:
        """Return the step of a number from 1."""
        epoch, index = divmod(number - 1, len(self.epoch))
        return self.epoch[self.order[epoch][index]]


def plan_buckets(examples: Sequence[Item], batch: Batch, *, n_epochs: int, seed: int) -> Buckets:
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
    return Buckets(n_epochs, seed, budget, examples, tuple(_step(examples, group) for group in grouped))


def cut(examples: Sequence[Item], order: Sequence[int], budget: int) -> list[tuple[int, ...]]:
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


def shuffled(count: int, seed: int, epoch: int) -> list[int]:
    """Order COUNT numbers for an epoch, from 0, by seed."""
    keys = [draw(seed, "order", epoch, i) for i in range(count)]
    return sorted(range(count), key=keys.__getitem__)


def pick(count: int, wanted: int, seed: int, what: str) -> list[int]:
    """Pick WANTED of COUNT numbers by seed, in ascending order."""
    return sorted(sorted(range(count), key=lambda i: draw(seed, what, i))[:wanted])


def _few_enough_tokens(examples: Sequence[Item], order: list[int], ceiling: int) -> tuple[list[tuple[int, ...]], int]:
    """Lower the token budget, down to a limit, until an epoch has some steps: few steps learn little."""
    budget = ceiling
    while True:
        batches = cut(examples, order, budget)
        if len(batches) >= LEAST_STEPS or budget // 2 < LEAST_BUDGET:
            return batches, budget
        budget //= 2


def _step(examples: Sequence[Item], groups: Sequence[tuple[int, ...]]) -> Step:
    numbers = [i for group in groups for i in group]
    return Step(tuple(groups), math.fsum(examples[i].weight_sum for i in numbers),
                sum(examples[i].tokens for i in numbers), len(numbers))

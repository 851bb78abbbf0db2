"""Which text each step of pre-training sees, as a function of the step alone.

Nothing here depends on how long the training will be before its rate begins to fall. So an interrupted run goes on
with the very same batches, and one that turns out to have more time is given more tokens without starting over.
"""

from dataclasses import dataclass

import torch

from pen_backend.engine.nn.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Stream:
    """Windows (N, window + 1) that are read in a new order on every pass."""

    windows: torch.Tensor
    seed: int

    def take(self, start: int, count: int) -> torch.Tensor:
        """Return COUNT windows from place START of the endless stream of passes."""
        if not count:
            return self.windows[:0]
        size = len(self.windows)
        passes = {number: torch.randperm(size, generator=torch.Generator().manual_seed(self.seed + number))
                  for number in range(start // size, (start + count - 1) // size + 1)}
        places = torch.stack([passes[place // size][place % size] for place in range(start, start + count)])
        return self.windows[places]


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many windows of a batch come from each stream."""

    prose: int
    jokes: int
    own: int


@dataclass(frozen=True, slots=True)
class Curriculum:
    """Three streams, mixed differently while the rate is high and while it falls.

    What a model sees while its rate falls is what it keeps: jokes and pen's own text weigh more there, and enough
    prose stays for plain English not to be forgotten.
    """

    prose: Stream
    jokes: Stream
    own: Stream
    high: Mixture = Mixture(prose=12, jokes=4, own=0)
    falling: Mixture = Mixture(prose=5, jokes=9, own=2)

    def batch(self, step: int, recipe: Recipe) -> torch.Tensor:
        """Return the windows (B, window + 1) of a step, counted from 0."""
        before = min(step, recipe.falls_at)
        after = step - before
        mixture = self.falling if step >= recipe.falls_at else self.high
        parts = []
        for name in ("prose", "jokes", "own"):
            start = before * getattr(self.high, name) + after * getattr(self.falling, name)
            stream: Stream = getattr(self, name)
            parts.append(stream.take(start, getattr(mixture, name)))
        return torch.cat(parts)

    def passes(self, recipe: Recipe) -> dict[str, float]:
        """Say how often each stream is read in the whole training."""
        falling = recipe.steps - recipe.falls_at
        return {name: round((recipe.falls_at * getattr(self.high, name) + falling * getattr(self.falling, name))
                            / max(1, len(getattr(self, name).windows)), 2) for name in ("prose", "jokes", "own")}

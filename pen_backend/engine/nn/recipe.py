"""How a base is trained: its budget, its batches, and its learning rate at each step."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers of one pre-training; lengths in tokens.

    The rate warms up over the first steps, stays, and falls linearly over the last share of them (`decay`): only that
    last part depends on the budget, which may therefore be changed until it begins.
    """

    tokens: int = 24_000_000
    window: int = 256
    windows_per_step: int = 16
    muon_rate: float = 0.006
    adam_rate: float = 2.5e-3
    warmup_steps: int = 40
    decay: float = 0.4
    seed: int = 1

    @property
    def steps(self) -> int:
        """Count the optimiser steps of the whole budget."""
        return self.tokens // (self.window * self.windows_per_step)

    @property
    def falls_at(self) -> int:
        """Return the step at which the rate begins to fall, counted from 0."""
        return round(self.steps * (1 - self.decay))

    def rate_at(self, step: int) -> float:
        """Return the factor of the learning rate at a step: a trapezoid that ends at 5 %."""
        left = (self.steps - step) / max(1, self.steps - self.falls_at)
        return min((step + 1) / self.warmup_steps, 1.0, 0.05 + 0.95 * left)

"""Sums over batches, and the figures they make: loss, accuracies, rewards (openai-api.md section 7)."""

from collections import defaultdict

from pen_backend.engine.nn.loss import Scores
from pen_backend.engine.nn.ranks import Ranks

RATIOS = {"mean_token_accuracy": ("right", "scored"), "sequence_accuracy": ("sequences_right", "sequences"),
          "reward_accuracy": ("rewards_right", "pairs"), "reward_margin": ("margin", "pairs")}


class Totals:
    """What the batches of a step or of an evaluation add up to."""

    def __init__(self) -> None:
        self.loss = 0.0
        self._sums: defaultdict[str, float] = defaultdict(float)

    def add(self, scores: Scores) -> None:
        """Add a batch."""
        self.loss += scores.loss.item()
        for name, value in scores.sums.items():
            self._sums[name] += value.item()

    def gather(self, ranks: Ranks) -> None:
        """Add up what all processes have; one may have had nothing to measure."""
        names = sorted({name for ratio in RATIOS.values() for name in ratio})
        known = ranks.any(*(name in self._sums for name in names))
        self.loss, *sums = ranks.sum([self.loss, *(self._sums.get(name, 0.0) for name in names)])
        self._sums.update({name: value for name, value, there in zip(names, sums, known, strict=True) if there})

    def figures(self, prefix: str, weight: float) -> dict[str, float]:
        """Name the figures of what was measured; WEIGHT is what the loss is divided by, of nothing there is none."""
        found = {} if weight == 0 else {f"{prefix}_loss": self.loss / weight}
        return found | {f"{prefix}_{name}": self._sums[part] / max(1.0, self._sums[whole])
                        for name, (part, whole) in RATIOS.items() if whole in self._sums}

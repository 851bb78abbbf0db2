"""Sums over batches, and the figures they make: loss, accuracies, rewards (openai-api.md section 7)."""

from collections import defaultdict

from pen_backend.engine.nn.loss import Scores

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

    def figures(self, prefix: str, weight: float) -> dict[str, float]:
        """Name the figures of what was measured; WEIGHT is what the loss is divided by, of nothing there is none."""
        found = {} if weight == 0 else {f"{prefix}_loss": self.loss / weight}
        return found | {f"{prefix}_{name}": self._sums[part] / max(1.0, self._sums[whole])
                        for name, (part, whole) in RATIOS.items() if whole in self._sums}

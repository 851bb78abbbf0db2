"""The best evaluation of a run so far, while it is worth looking for a better one."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pen_backend.engine.nn.spec import Spec


@dataclass(slots=True)
class Best:
    """The lowest validation loss, its step and all figures of that; `worse` counts the evaluations since.

    `seen` is the last one's step; `stopped` is set once there were as many as the job has patience for.
    """

    loss: float | None = None
    step: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    worse: int = 0
    seen: int = 0
    stopped: bool = False

    def note(self, loss: float | None, step: int, patience: int | None) -> None:
        """Take note of an evaluation, if there was one and it is new."""
        if loss is None or step <= self.seen:
            return
        self.seen = step
        if self.loss is None or loss < self.loss:
            self.loss, self.step, self.worse = loss, step, 0
            return
        self.worse += 1
        self.stopped = patience is not None and self.worse >= patience

    def figures_of(self, step: int) -> dict[str, Any]:
        """Return the best step's figures, if STEP is that."""
        return self.figures if step == self.step else {}

    def to_json(self) -> dict[str, Any]:
        """Shape it for a checkpoint's state."""
        return asdict(self)


def judged(figures: dict[str, Any], spec: Spec) -> float | None:
    """Return the loss that evaluations are compared by: of the sample if there is one, so that like meets like."""
    sampled = spec.evaluate is not None and spec.evaluate.every is not None
    return figures.get("valid_loss" if sampled else "full_valid_loss")

"""What a run tells the world: figures, progress, speed, checkpoints."""

import math
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pen_backend.engine.nn.journal import MAX_EVENTS, Journal

Figures = dict[str, Any]
"""The measurements of a step, as in the `data` of its metrics event."""
PROGRESS_SECONDS = 0.5


@dataclass(slots=True)
class Report:
    """Writes a run's events and keeps its pace; `started` is when this attempt's first step began."""

    journal: Journal
    total_steps: int
    started: float = field(default_factory=time.monotonic)
    steps: int = 0
    _recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=20))
    _progress: float = -math.inf
    _warned: bool = False

    @property
    def seconds(self) -> float:
        """Count this attempt's seconds."""
        return time.monotonic() - self.started

    @property
    def tokens_per_second(self) -> float:
        """Average over the last steps; evaluation and checkpoints do not count."""
        return sum(tokens for _, tokens in self._recent) / max(1e-9, sum(seconds for seconds, _ in self._recent))

    def trained(self, seconds: float, tokens: int) -> None:
        """Take note of a step's time and size."""
        self.steps += 1
        self._recent.append((seconds, tokens))

    def figures(self, figures: Figures, *, always: bool) -> None:
        """Write a step's figures; in very long jobs those of every k-th step, unless it is one to see always."""
        step, loss = figures["step"], figures.get("train_loss")
        if always or step % math.ceil(self.total_steps * 2 / MAX_EVENTS) == 0:
            told = "nothing to learn" if loss is None else f"training loss={loss:.4f}"
            self.journal.write("metrics", f"Step {step}/{self.total_steps}: {told}", step=step, data=figures)
        if loss == 0 and not self._warned:
            self._warned = True
            self.message(f"The loss is exactly 0 at step {step}: there is nothing to learn.", step, warning=True)

    def progress(self, step: int) -> None:
        """Write where the job stands, at most twice a second."""
        now = time.monotonic()
        if self.steps and now - self._progress >= PROGRESS_SECONDS:
            self._progress = now
            self.journal.write("progress", "", step=step, data={
                "steps_done": step, "total_steps": self.total_steps, "tokens_per_second": self.tokens_per_second,
                "eta_seconds": self.seconds / self.steps * (self.total_steps - step)})

    def checkpoint(self, path: Path, figures: Figures, *, public: bool, final: bool = False) -> None:
        """Write that a checkpoint can be used; the FINAL one is the job's model."""
        self.journal.write("checkpoint", f"Checkpoint at step {figures['step']}", step=figures["step"], data={
            "step": figures["step"], "path": str(path), "public": public, "final": final,
            "metrics": measured(figures)})

    def message(self, text: str, step: int, *, warning: bool = False) -> None:
        """Write a sentence."""
        self.journal.write("message", text, step=step, level="warning" if warning else "info")


def measured(figures: Figures) -> Figures:
    """Keep of a step's figures what a checkpoint's metrics hold: losses, accuracies and margins."""
    return {name: value for name, value in figures.items()
            if name == "step" or name.endswith(("_loss", "_accuracy", "_margin"))}

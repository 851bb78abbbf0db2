"""Several processes that train one model: what each takes of a step, and what they agree on.

Started by torchrun or `accelerate launch`, every process runs the same loop on its share. The first one alone writes.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]  # the library has no annotations
from torch import Tensor, nn

Group = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes of a run, this one among them."""

    accelerator: Accelerator

    @property
    def count(self) -> int:
        """Count the processes."""
        return int(self.accelerator.num_processes)

    @property
    def index(self) -> int:
        """Return which one this is."""
        return int(self.accelerator.process_index)

    @property
    def first(self) -> bool:
        """Tell whether this is the one that writes."""
        return self.index == 0

    def share(self, groups: Sequence[Group]) -> Sequence[Group]:
        """Return this process's micro-batches of a step: as many as every other's, the last of them perhaps empty."""
        return divide(groups, self.count)[self.index :: self.count]

    def together(self, module: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """Hold the exchange of gradients back until the last micro-batch of a step."""
        return nullcontext() if last or self.count == 1 else self.accelerator.no_sync(module)

    def sum(self, values: Sequence[float]) -> list[float]:
        """Add numbers up over all processes."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.accelerator.device)
        torch.distributed.all_reduce(tensor)
        return tensor.tolist()

    def any(self, *truths: bool) -> list[bool]:
        """Tell of each whether it holds in any process."""
        return [number > 0 for number in self.sum([float(truth) for truth in truths])]

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.count > 1:
            self.accelerator.wait_for_everyone()

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Collect a tensor of each process, of one shape in all."""
        if self.count == 1:
            return [tensor]
        here = tensor.to(self.accelerator.device)
        found = [torch.empty_like(here) for _ in range(self.count)]
        torch.distributed.all_gather(found, here)
        return [each.cpu() for each in found]


def divide(groups: Sequence[Group], count: int) -> list[Group]:
    """Split the largest micro-batches until their number divides by COUNT; empty ones stand for what cannot be.

    A number that does not divide would have a launcher's library repeat a batch: 1 % off at an epoch's last step.
    """
    found = list(groups)
    while len(found) % count:
        largest = max(range(len(found)), key=lambda i: len(found[i]))
        group = found[largest]
        half = (len(group) + 1) // 2
        if len(group) < 2:
            return found + [()] * (-len(found) % count)
        found[largest : largest + 1] = [group[:half], group[half:]]
    return found

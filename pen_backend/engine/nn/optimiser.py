"""AdamW, its schedule, and both as plain tensors and numbers."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

Schedule = Literal["cosine", "linear", "constant"]
WARM_UP = 0.05
FLOOR = 0.05
DECAY = 0.1
BETAS = (0.9, 0.95)
CLIP = 1.0


def make_optimiser(module: nn.Module, rate: float) -> torch.optim.AdamW:
    """Make an AdamW for what is trainable; norms and biases do not decay."""
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(
        [{"params": [p for p in trainable if p.ndim >= 2], "weight_decay": DECAY},
         {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0}], lr=rate, betas=BETAS, fused=True)


def learning_rate(step: int, total: int, rate: float, schedule: Schedule = "cosine") -> float:
    """Warm up linearly over 5 % of the steps, then stay, or fall in a line or a cosine to 5 % of the rate."""
    warm_up = max(1, round(WARM_UP * total))
    if step <= warm_up:
        return rate * step / warm_up
    share = (step - warm_up) / max(1, total - warm_up)
    left = {"constant": 1.0, "linear": 1 - share, "cosine": 0.5 * (1 + math.cos(math.pi * share))}[schedule]
    return rate * (FLOOR + (1 - FLOOR) * left)


def optimiser_tensors(optimiser: torch.optim.Optimizer, module: nn.Module) -> dict[str, Tensor]:
    """Name every moment by its parameter: `NAME|exp_avg` and so on."""
    return {f"{name}|{key}": tensor.detach().contiguous()
            for name, parameter in module.named_parameters()
            for key, tensor in optimiser.state.get(parameter, {}).items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put the moments back beside their parameters."""
    parameters = dict(module.named_parameters())
    for label, tensor in tensors.items():
        name, _, key = label.rpartition("|")
        parameter = parameters[name]
        optimiser.state[parameter][key] = tensor.to(parameter.device)

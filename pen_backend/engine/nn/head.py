"""The head and its loss, row by row: logits become their own gradient where they stand.

The plain way copies all logits to fp32, keeps their logarithms for the backward and makes a gradient of the same size.
Here a few rows at a time go through fp32 while the cache holds them, and what is kept is what the backward multiplies.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel

HELD = 1 << 22
"""Logits held at a time, (rows, V)."""
LEAST_ROWS = 512
"""But not fewer rows than these: the gradients of the head's weights are added up once for each slice."""
CACHED = 1 << 19
"""Logits in fp32 at a time."""


def plain_head(model: PreTrainedModel) -> nn.Linear | None:
    """Return a model's head if it is a product with a matrix and nothing else."""
    head: Any = model.get_output_embeddings()
    return head if type(head) is nn.Linear and head.bias is None else None


def weighted_nll(hidden: Tensor, weight: Tensor, targets: Tensor, weights: Tensor, dtype: torch.dtype
                 ) -> tuple[Tensor, Tensor]:
    """Return sum(w · nll) of targets (N,) given hidden (N, H), the head's weight (V, H), and which are predicted.

    Products are of DTYPE, everything else is fp32.
    """
    backward = torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)
    loss, right = _weighted_nll(hidden, weight, targets, weights, dtype, backward)
    return loss, right


class _WeightedNll(Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, weights: Tensor, dtype: torch.dtype,
                backward: bool) -> tuple[Tensor, Tensor]:
        matrix = weight.to(dtype)
        losses, rights, to_hidden = [], [], []
        to_weight: Tensor | None = None
        rows = max(LEAST_ROWS, HELD // len(matrix))
        for hiddens, ids, factors in zip(hidden.to(dtype).split(rows), targets.split(rows), weights.split(rows),
                                         strict=True):
            logits = hiddens @ matrix.t()  # (rows, V)
            rights.append(is_predicted(logits, ids))
            losses.append(_loss_into_gradient(logits, ids, factors))
            if backward:
                to_hidden.append((logits @ matrix).to(hidden.dtype))
                if ctx.needs_input_grad[1]:
                    part = (logits.t() @ hiddens).to(weight.dtype)
                    to_weight = part if to_weight is None else to_weight.add_(part)
        if backward:
            ctx.save_for_backward(torch.cat(to_hidden), to_weight)
        right = torch.cat(rights)
        ctx.mark_non_differentiable(right)
        return torch.stack(losses).sum(), right

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        to_hidden, to_weight = ctx.saved_tensors
        return to_hidden * loss, None if to_weight is None else to_weight * loss, None, None, None, None


_weighted_nll: Any = _WeightedNll.apply


def _loss_into_gradient(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return sum(w · nll) of logits (N, V), and put their gradients, w · (p - [is the target]), in their place."""
    rows = max(1, CACHED // logits.shape[1])
    total = torch.zeros((), device=logits.device)
    for part, ids, factors in zip(logits.split(rows), targets[:, None].split(rows), weights[:, None].split(rows),
                                  strict=True):
        behind = part.amax(-1, keepdim=True).float() - part.gather(1, ids).float()
        chances = part.float().softmax(-1)
        # the largest logit's chance is 1 / sum(exp(logit - largest)): no chance is so small that its logarithm is off
        nll = behind - chances.amax(-1, keepdim=True).log()  # (rows, 1)
        total += (nll * factors).sum()
        chances.scatter_add_(1, ids, torch.full_like(nll, -1.0))
        torch.mul(chances, factors, out=part)
    return total


def is_predicted(logits: Tensor, targets: Tensor) -> Tensor:
    """Tell of each row of (N, V) whether its first largest entry is the target."""
    largest = logits.amax(-1)
    right = logits.gather(1, targets[:, None])[:, 0] == largest
    found = right.nonzero()[:, 0]
    others = logits[found].scatter_(1, targets[found, None], float("-inf"))
    ties = found[others.amax(-1) == largest[found]]  # arg max, the slow part, is left for them
    right[ties] = logits[ties].argmax(-1) == targets[ties]
    return right

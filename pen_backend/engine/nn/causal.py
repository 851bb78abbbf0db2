"""Causal attention in blocks of queries, forward and backward written out: plain matrix products and soft maxima.

On a CPU in bf16 the fused kernel's backward is the slowest part of a small model; see attention.py for measurements.
Nothing past the diagonal's block is computed, and no gradient of a slice is padded with zeros.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pen_backend.engine.nn.memory import MOST_SCORES

Heads = tuple[Tensor, Tensor, Tensor]
BLOCK = 128
"""About how many queries a block has."""


def causal_forward(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Attend over (N, T, D), queries scaled; also return each block's chances, none if they would be too large."""
    out = torch.empty_like(value)
    chances = []
    keep = key.shape[0] * key.shape[1] ** 2 <= MOST_SCORES
    for start, end in blocks(key.shape[1]):
        chance = _chances(query, key, start, end)
        torch.bmm(chance, value[:, :end], out=out[:, start:end])
        if keep:
            chances.append(chance)
    return out, chances


def causal_backward(gradient: Tensor, heads: Heads, chances: Sequence[Tensor]) -> Heads:
    """Return the gradients of query, key and value, each (N, T, D)."""
    query, key, value = heads
    to_query, to_key, to_value = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
    steps = blocks(key.shape[1])
    for place in reversed(range(len(steps))):  # the last block reaches all keys: it fills what the others add to
        start, end = steps[place]
        chance = chances[place] if chances else _chances(query, key, start, end)
        above = gradient[:, start:end]
        _put(to_value, chance.transpose(1, 2), above, end)
        scores = torch._softmax_backward_data(torch.bmm(above, value[:, :end].transpose(1, 2)), chance, -1,
                                              chance.dtype)
        torch.bmm(scores, key[:, :end], out=to_query[:, start:end])
        _put(to_key, scores.transpose(1, 2), query[:, start:end], end)
    return to_query, to_key, to_value


def blocks(length: int) -> list[tuple[int, int]]:
    """Cut LENGTH queries into blocks of about equal size."""
    size = math.ceil(length / max(1, round(length / BLOCK)))
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _chances(query: Tensor, key: Tensor, start: int, end: int) -> Tensor:
    scores = torch.bmm(query[:, start:end], key[:, :end].transpose(1, 2))  # (N, end - start, end)
    future = torch.full((end - start, end - start), float("-inf"), dtype=scores.dtype, device=scores.device)
    scores[..., start:] += future.triu(1)
    return scores.softmax(-1)


def _put(total: Tensor, one: Tensor, other: Tensor, end: int) -> None:
    if end == total.shape[1]:
        torch.bmm(one, other, out=total)
    else:
        total[:, :end] += torch.bmm(one, other)

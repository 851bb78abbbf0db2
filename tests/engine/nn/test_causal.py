"""Attention in blocks against the formula, forward and backward."""

import pytest
import torch
from torch import Tensor

from pen_backend.engine.nn.causal import BLOCK, blocks, causal_backward, causal_forward
from pen_backend.engine.nn.memory import MOST_SCORES


def heads(count: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(length)
    query, key, value = torch.randn(3, count, length, 8).requires_grad_().unbind()
    return query, key, value


@pytest.mark.parametrize("length", [1, 2, BLOCK, BLOCK + 70, 3 * BLOCK - 20])
def test_blocks_compute_what_the_formula_says(length: int) -> None:
    query, key, value = heads(3, length)
    future = torch.full((length, length), float("-inf")).triu(1)
    wanted = (query @ key.transpose(1, 2) + future).softmax(-1) @ value
    gradient = torch.randn_like(wanted)

    with torch.no_grad():
        found, chances = causal_forward(query, key, value)
        gradients = causal_backward(gradient, (query, key, value), chances)

    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    for one, other in zip(gradients, torch.autograd.grad(wanted, (query, key, value), gradient), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_chances_that_would_be_too_large_are_not_kept_and_computed_again() -> None:
    query, key, value = heads(2, BLOCK + 70)
    gradient = torch.randn_like(value)
    with torch.no_grad():
        _, kept = causal_forward(query, key, value)
        again = causal_backward(gradient, (query, key, value), [])

        assert all(torch.equal(one, other) for one, other in zip(
            again, causal_backward(gradient, (query, key, value), kept), strict=True))

    long = torch.empty(1, 1 + int(MOST_SCORES**0.5), 1, device="meta")
    assert causal_forward(long, long, long)[1] == []


def test_blocks_cover_all_queries_once() -> None:
    for length in range(1, 5 * BLOCK, 37):
        found = blocks(length)

        assert [0, *(end for _, end in found)] == [*(start for start, _ in found), length]
        assert all(start < end for start, end in found)

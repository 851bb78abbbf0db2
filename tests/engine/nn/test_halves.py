"""Products by halves are the whole matrix's, as near as fp32 comes."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

from pen_backend.engine.nn.halves import BOTH_ROWS, halved


def weights(*, published: bool) -> Tensor:
    """Make a matrix as models have them: published in bf16, or tuned in fp32; some numbers are tiny."""
    torch.manual_seed(1)
    made = 0.05 * torch.randn(96, 64)
    made[::7] *= 1e-6
    return made.bfloat16().float() if published else made


@pytest.mark.parametrize("rows", [1, 3, BOTH_ROWS, 100])
@pytest.mark.parametrize("published", [True, False])
@pytest.mark.parametrize("bias", [None, torch.arange(96.0)])
def test_halves_multiply_as_the_whole(rows: int, published: bool, bias: Tensor | None) -> None:
    weight, inputs = weights(published=published), 10 * torch.randn(rows, 64)
    product = halved(weight, bias)
    wanted = linear(inputs.double(), weight.double(), None if bias is None else bias.double())

    assert (product.second is None) == published
    assert product.packed_bytes == (0 if product.first is None else 96 * 64 * (2 if published else 4))
    assert (product(inputs) - wanted).abs().max() < 2e-5
    if product.first is not None and bias is None:  # what the whole itself loses is of the same size
        assert (product(inputs) - wanted).abs().max() < 4 * (linear(inputs, weight) - wanted).abs().max() + 1e-6


@pytest.mark.parametrize("weight", [torch.full((8, 8), 1e5), torch.full((8, 8), float("inf")),
                                    torch.ones(8, 8, dtype=torch.bfloat16)], ids=["large", "infinite", "bf16"])
def test_what_halves_cannot_hold_stays_whole(weight: Tensor) -> None:
    product, inputs = halved(weight, None), torch.ones(2, 8, dtype=weight.dtype)

    assert product.first is None
    assert torch.equal(product(inputs), linear(inputs, weight))

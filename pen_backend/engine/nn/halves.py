"""Matrices kept in half precision on a CPU, with products as of the whole ones: reading them is what a step waits for.

Weights published in bf16 are fp16 numbers too, but for some so small that they make no difference; others are the sum
of two. Inputs, sums and outputs stay fp32. Measured on one busy core, all matrices of the packaged base, in
milliseconds, one half and two against the whole: 0.3 and 0.6 against 2.9 for one row, 2.1 and 4.2 against 5.5 for 16,
4.1 and 8.2 against 7.7 for 32, 29 and 58 against 34 for 256.
"""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear

MOST_BYTES = 512 << 20
"""Larger models are not kept a second time."""
BOTH_ROWS = 20
"""Up to so many rows two halves are faster than the whole."""
SECOND = 2.0**11
"""The second half is kept so many times larger, where fp16 is as exact as for the first."""


@dataclass(frozen=True, slots=True)
class Product:
    """A linear layer, (out, in), as whole numbers, and in halves if these say the same."""

    weight: Tensor
    bias: Tensor | None
    first: Tensor | None = None
    second: Tensor | None = None
    shift: Tensor | None = None  # the bias, or nothing, for the first half

    @property
    def packed_bytes(self) -> int:
        """Count the bytes of its halves; libraries that pack them tell of none."""
        return sum(2 * self.weight.numel() for half in (self.first, self.second) if half is not None)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Multiply (N, in): (N, out)."""
        if self.first is None or self.shift is None or (self.second is not None and len(inputs) > BOTH_ROWS):
            return linear(inputs, self.weight, self.bias)
        found = torch.fbgemm_linear_fp16_weight_fp32_activation(inputs, self.first, self.shift)
        if self.second is not None:
            rest = torch.fbgemm_linear_fp16_weight_fp32_activation(inputs, self.second, torch.zeros_like(self.shift))
            found = found.add_(rest, alpha=1 / SECOND)
        return found


def halved(weight: Tensor, bias: Tensor | None) -> Product:
    """Keep a matrix in halves too, where that is exact and this machine has products of them."""
    whole = Product(weight, bias)
    if weight.dtype != torch.float32 or weight.device.type != "cpu" or not bool((weight.abs() < 6e4).all()):
        return whole
    first = weight.half().float()
    second = ((weight - first) * SECOND).half()
    exact = bool(((weight - first).abs() <= 2.0**-24).all())
    try:
        with warnings.catch_warnings(action="ignore"):  # of what some later version may lack, and is tried here
            packed = [torch.fbgemm_pack_gemm_matrix_fp16(half) for half in
                      ((first,) if exact else (first, second.float()))]
            torch.fbgemm_linear_fp16_weight_fp32_activation(weight[:1], packed[0], weight.new_zeros(len(weight)))
    except (AttributeError, RuntimeError):
        return whole
    shift = weight.new_zeros(len(weight)) if bias is None else bias
    return Product(weight, bias, packed[0], packed[1] if len(packed) > 1 else None, shift)

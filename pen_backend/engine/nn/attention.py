"""Attention for training on a CPU in bf16: plain matrix products over blocks of the text.

There the fused kernel's backward is the slowest part of a small model. Measured on one core with AVX512-BF16, 4 heads
of 64, forward + backward of about 4,000 tokens, blocks against fused, in milliseconds: 15 against 58 at length 40,
29 : 58 at 256, 48 : 98 at 512, 92 : 122 at 1,024, 147 : 201 at 2,048. In fp32 the fused kernel is the faster one.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from pen_backend.engine.nn.causal import causal_backward, causal_forward

NAME = "pen_blocks"


def attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
           dropout: float = 0.0, scaling: float | None = None, **options: Any) -> tuple[Tensor, None]:
    """Attend causally over (B, H, T, D); anything but unpadded bf16 goes through the library's fused kernel."""
    if attention_mask is not None or dropout or not _is_ours(module, query, value, options):
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling,
                                      **options)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    query, key = query.to(value.dtype), key.to(value.dtype)  # under autocast the rotation has made them fp32
    scaled = query * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    attended: Tensor = _causal(scaled.flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1)).view(query.shape)
    return attended.transpose(1, 2).contiguous(), None


class _Causal(Function):
    """Causal attention over (N, T, D), queries scaled."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        attended, chances = causal_forward(query, key, value)
        ctx.save_for_backward(query, key, value, *chances)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value, *chances = ctx.saved_tensors
        return causal_backward(gradient.contiguous(), (query, key, value), chances)


_causal: Any = _Causal.apply


def use_for_training(model: PreTrainedModel) -> None:
    """Let a model on a CPU attend this way; elsewhere the fused kernel is the faster one."""
    if model.device.type == "cpu" and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(NAME)


def _is_ours(module: nn.Module, query: Tensor, value: Tensor, options: dict[str, Any]) -> bool:
    return (value.dtype == torch.bfloat16 and query.shape[2] == value.shape[2] and getattr(module, "is_causal", False)
            and not any(options.get(name) is not None for name in ("softcap", "position_bias", "s_aux")))


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)  # the library then leaves the mask out where plain causality will do

"""Attention for training on short texts with a CPU's bf16: plain matrix products.

There the fused kernel's backward is the slowest part of a small model. Measured on one core with AVX512-BF16, 4 heads
of 64, forward + backward of about 4,000 tokens, plain against fused: 10 against 112 ms at length 40, 38 against 68 at
256, 70 against 141 at 512. In fp32 the fused kernel is the faster one, so only bf16 comes here.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "pen_short_texts"
LONGEST = 512
MOST_SCORES = 1 << 24
"""Scores (B, H, T, T) kept for the backward, 32 MB a layer; larger models go through the fused kernel, which keeps
none."""


def attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
           dropout: float = 0.0, scaling: float | None = None, **options: Any) -> tuple[Tensor, None]:
    """Attend causally over (B, H, T, D); anything but short, unpadded bf16 goes through the library's fused kernel."""
    if attention_mask is not None or dropout or not _is_short(module, query, value, options):
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout=dropout, scaling=scaling,
                                      **options)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    query, key = query.to(value.dtype), key.to(value.dtype)  # under autocast the rotation has made them fp32
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    length = query.shape[2]
    future = torch.full((length, length), float("-inf"), dtype=query.dtype, device=query.device).triu(1)
    scores = torch.matmul(query * scale, key.transpose(2, 3)).add_(future)  # (B, H, T, T)
    return torch.matmul(scores.softmax(-1), value).transpose(1, 2).contiguous(), None


def use_for_training(model: PreTrainedModel) -> None:
    """Let a model on a CPU attend this way where it is the faster one."""
    if model.device.type == "cpu" and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(NAME)


def _is_short(module: nn.Module, query: Tensor, value: Tensor, options: dict[str, Any]) -> bool:
    batch, heads, length, _ = query.shape
    return (value.dtype == torch.bfloat16 and length == value.shape[2] <= LONGEST
            and batch * heads * length * length <= MOST_SCORES and getattr(module, "is_causal", False)
            and not any(options.get(name) is not None for name in ("softcap", "position_bias", "s_aux")))


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)  # the library then leaves the mask out where plain causality will do

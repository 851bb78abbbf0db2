"""Llama's decoder for training on a CPU, its backward written out: the library's numbers in fewer passes over memory.

Beside the products, the library's forward and backward spend as long again on small steps: copies of weights, the
rotation in fp32, zeros for the gradients of slices. Here a layer's products share their inputs, a norm's factors are
multiplied into the matrix behind it, and what the backward needs is kept once, in the precision of the products.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad, rms_norm, silu
from transformers import LlamaForCausalLM, PreTrainedModel

from pen_backend.engine.nn.causal import causal_backward, causal_forward
from pen_backend.engine.nn.layout import Group, Layout, documents_apart, rows_alone

Grads = tuple[Tensor | None, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """What a decoder computes beside its weights; products are of `dtype`.

    `turns` are the rotations of each position and pair of dimensions, complex, (T, 1, D/2).
    """

    heads: int
    key_heads: int
    size: int
    epsilon: float
    dtype: torch.dtype
    layout: Layout
    turns: Tensor

    @property
    def scaling(self) -> float:
        """Return what a query is multiplied by."""
        return float(self.size**-0.5)


def is_written_out(model: PreTrainedModel) -> bool:
    """Tell whether a model's decoder is of the kind that is written out here, adapters not among its layers."""
    config = model.config
    return (type(model) is LlamaForCausalLM and config.hidden_act == "silu" and not config.attention_dropout
            and config.rope_parameters.get("rope_type") in ("default", "linear", "llama3")
            and all(type(layer) is nn.Linear and layer.bias is None
                    for name, layer in model.named_modules() if name.endswith("_proj")))


def decode(model: Any, ids: Tensor, documents: Tensor | None, chosen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what the head sees of ids (B, T) at the chosen positions (B, T-1), (N, H); products are of DTYPE.

    DOCUMENTS (B, T) number the documents where a row holds several; None where each row is one.
    """
    config, decoder = model.config, model.model
    layout = rows_alone(ids) if documents is None else documents_apart(documents)
    form = Form(config.num_attention_heads, config.num_key_value_heads, decoder.layers[0].self_attn.head_dim,
                config.rms_norm_eps, dtype, layout, _turns(decoder.rotary_emb, layout.longest))
    hidden = decoder.embed_tokens(ids.flatten())  # (B·T, H)
    for layer in decoder.layers:
        heads, mlp = layer.self_attn, layer.mlp
        hidden = _attention(hidden, layer.input_layernorm.weight, heads.q_proj.weight, heads.k_proj.weight,
                                  heads.v_proj.weight, heads.o_proj.weight, form)
        if layer is decoder.layers[-1]:  # nothing looks at the others any more
            hidden = hidden.index_select(0, pad(chosen, (0, 1)).flatten().nonzero()[:, 0])
        hidden = _mlp(hidden, layer.post_attention_layernorm.weight, mlp.gate_proj.weight, mlp.up_proj.weight,
                            mlp.down_proj.weight, form)
    return rms_norm(hidden, hidden.shape[-1:], decoder.norm.weight, config.rms_norm_eps)


class _Attention(Function):
    """hidden + out(attention(query(x), key(x), value(x))), x = norm(hidden), for hidden (N, H)."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, factors: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor,
                form: Form) -> Tensor:
        normed, scale = _normalise(hidden, form)
        inner = torch.cat([_pair(query, form) * (factors * form.scaling), _pair(key, form) * factors,
                           value * factors]).to(form.dtype)
        outer = out.to(form.dtype)
        flat = normed @ inner.t()  # (N, queries, keys and values of all heads)
        kept, mixed = [], []
        for group in form.layout.groups:
            heads = _turn(group.gather(flat), group, form)
            attended, chances = causal_forward(*heads)
            kept.append((heads, chances))
            mixed.append(_join(attended, group, form))
        attended = form.layout.scatter(mixed)
        ctx.save_for_backward(factors, query, key, value)
        ctx.form, ctx.kept = form, (normed, scale, inner, outer, kept, attended)
        return hidden + attended @ outer.t()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Grads:
        form, (normed, scale, inner, outer, kept, attended) = ctx.form, ctx.kept
        factors, query, key, value = ctx.saved_tensors
        ctx.kept = None
        above = gradient.to(form.dtype)
        to_out = (above.t() @ attended).to(query.dtype)
        to_attended = above @ outer
        parts = []
        for group, (heads, chances) in zip(form.layout.groups, kept, strict=True):
            part = _part(group.gather(to_attended, zeros=True), group, form)
            parts.append(_turn_back(causal_backward(part, heads, chances), group, form))
        flat = form.layout.scatter(parts)
        rows = form.heads * form.size, form.key_heads * form.size, form.key_heads * form.size
        to_query, to_key, to_value = (flat.t() @ normed).to(query.dtype).split(rows)
        to_query, to_key = _unpair(to_query, form).mul_(form.scaling), _unpair(to_key, form)
        to_factors = (to_query * query).sum(0) + (to_key * key).sum(0) + (to_value * value).sum(0)
        return (_normalise_backward(gradient, flat @ inner, normed, scale), to_factors, to_query.mul_(factors),
                to_key.mul_(factors), to_value * factors, to_out, None)


class _Mlp(Function):
    """hidden + down(silu(gate(x)) · up(x)), x = norm(hidden), for hidden (N, H)."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, factors: Tensor, gate: Tensor, up: Tensor, down: Tensor,
                form: Form) -> Tensor:
        normed, scale = _normalise(hidden, form)
        inner = (torch.cat([gate, up]) * factors).to(form.dtype)
        outer = down.to(form.dtype)
        both = normed @ inner.t()  # (N, 2 F)
        left, right = both.chunk(2, 1)
        opened = silu(left)
        middle = opened * right
        ctx.save_for_backward(factors, gate, up)
        ctx.kept = normed, scale, inner, outer, both, opened, middle
        return hidden + middle @ outer.t()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Grads:
        normed, scale, inner, outer, both, opened, middle = ctx.kept
        factors, gate, up = ctx.saved_tensors
        ctx.kept = None
        above = gradient.to(outer.dtype)
        to_down = (above.t() @ middle).to(gate.dtype)
        to_middle = above @ outer
        left, right = both.chunk(2, 1)
        to_both = torch.empty_like(both)
        to_left, to_right = to_both.chunk(2, 1)
        torch.mul(to_middle, opened, out=to_right)
        torch.ops.aten.silu_backward.grad_input(to_middle.mul_(right), left, grad_input=to_left)
        to_gate, to_up = (to_both.t() @ normed).to(gate.dtype).chunk(2)
        to_factors = (to_gate * gate).sum(0) + (to_up * up).sum(0)
        return (_normalise_backward(gradient, to_both @ inner, normed, scale), to_factors, to_gate * factors,
                to_up * factors, to_down, None)


_attention: Any = _Attention.apply
_mlp: Any = _Mlp.apply


def _normalise(hidden: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    """Return (N, H) with a root mean square of 1, and what each row was multiplied by, (N, 1)."""
    length = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
    scale = (length.square() / hidden.shape[-1] + form.epsilon).rsqrt()
    return (hidden * scale).to(form.dtype), scale


def _normalise_backward(passing: Tensor, gradient: Tensor, normed: Tensor, scale: Tensor) -> Tensor:
    """Add the gradient that comes through a norm to the one that passes it by, (N, H)."""
    along = (gradient * normed).sum(-1, keepdim=True, dtype=passing.dtype) / normed.shape[-1]
    across = torch.addcmul(gradient, normed, along.to(normed.dtype), value=-1)
    return torch.addcmul(passing, across.to(passing.dtype), scale)


def _turns(rotary: Any, length: int) -> Tensor:
    """Return the rotations of all positions, with the library's frequencies."""
    angles = torch.arange(length)[:, None].float() * rotary.inv_freq.float()
    return torch.polar(torch.full_like(angles, rotary.attention_scaling), angles)[:, None]


def _pair(weight: Tensor, form: Form) -> Tensor:
    """Put rows that turn together beside each other: (2, D/2) of each head become (D/2, 2)."""
    return weight.view(-1, 2, form.size // 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def _unpair(weight: Tensor, form: Form) -> Tensor:
    return weight.reshape(-1, form.size // 2, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def _turn(flat: Tensor, group: Group, form: Form) -> tuple[Tensor, Tensor, Tensor]:
    """Take queries, keys and values (D · T, …) apart, each (D · heads, T, size), and turn the first two."""
    heads = flat.view(group.count, group.length, -1, form.size)
    turning = form.heads + form.key_heads
    both = torch.view_as_complex(heads.float().unflatten(-1, (-1, 2)))[:, :, :turning]  # of all: a slice copies slower
    both = torch.view_as_real(both.mul_(form.turns[: group.length])).flatten(-2)  # (D, T, heads, size)
    copies = form.heads // form.key_heads
    return (_part(both[:, :, : form.heads], group, form), _part(both[:, :, form.heads :], group, form, copies),
            _part(heads[:, :, turning:], group, form, copies))


def _turn_back(gradients: tuple[Tensor, Tensor, Tensor], group: Group, form: Form) -> Tensor:
    """Turn gradients back and join them to (D · T, …)."""
    query, key, value = (one.unflatten(0, (group.count, -1)) for one in gradients)  # (D, heads, T, size)
    if form.key_heads < form.heads:
        key, value = (one.unflatten(1, (form.key_heads, -1)).sum(2) for one in (key, value))
    both = torch.empty((group.count, group.length, form.heads + form.key_heads, form.size))
    both[:, :, : form.heads] = query.transpose(1, 2)
    both[:, :, form.heads :] = key.transpose(1, 2)
    turned = torch.view_as_complex(both.unflatten(-1, (-1, 2))).mul_(form.turns[: group.length].conj())
    flat = torch.empty((group.count, group.length, form.heads + 2 * form.key_heads, form.size), dtype=form.dtype)
    flat[:, :, : form.heads + form.key_heads] = torch.view_as_real(turned).flatten(-2)
    flat[:, :, form.heads + form.key_heads :] = value.transpose(1, 2)
    return flat.view(group.count * group.length, -1)


def _part(rows: Tensor, group: Group, form: Form, copies: int = 1) -> Tensor:
    """Bring (D · T, heads · size) to (D · heads, T, size), each head COPIES times."""
    rows = rows.view(group.count, group.length, -1, form.size).transpose(1, 2)
    heads: Tensor = rows.to(form.dtype, memory_format=torch.contiguous_format)
    return (heads.repeat_interleave(copies, dim=1) if copies > 1 else heads).flatten(0, 1)


def _join(heads: Tensor, group: Group, form: Form) -> Tensor:
    """Bring (D · heads, T, size) to (D · T, heads · size)."""
    return heads.view(group.count, form.heads, group.length, form.size).transpose(1, 2).reshape(
        group.count * group.length, -1)

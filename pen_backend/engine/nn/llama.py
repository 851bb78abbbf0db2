"""The weights of models of Llama's kind, laid out for reading them token by token, matrices that share an input joined.

The library's modules cost more than the numbers they compute when a step reads one token of a few rows. What is read
here is judged by comparing its logits with the library's (`loaded.py`), so it may guess from the shape of a model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from pen_backend.engine.nn.halves import MOST_BYTES, Product, halved

KINDS = ("llama", "mistral", "qwen2", "qwen3")
ROTATIONS = ("default", "linear", "llama3")
"""Those whose angles depend on a token's position alone."""

Keep = Callable[[Tensor, Tensor | None], Product]
Turns = Callable[[int], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A linear layer, perhaps of several joined; PARTS are their names and sizes, for adapters."""

    product: Product
    parts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One block: attention, then the feed-forward part, each behind a norm."""

    before: Tensor
    inputs: Matrix  # queries, keys, values
    query_norm: Tensor | None
    key_norm: Tensor | None
    output: Matrix
    between: Tensor
    gates: Matrix  # gate, up
    down: Matrix

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """Return the matrices in the order they are used."""
        return self.inputs, self.output, self.gates, self.down


@dataclass(frozen=True, slots=True)
class Llama:
    """A whole model; TURNS gives the cosines and sines of the first so many positions, (T, D)."""

    embedding: Tensor  # (V, H)
    layers: tuple[Layer, ...]
    norm: Tensor
    head: Product  # (V, H)
    heads: int
    key_heads: int
    head_dim: int
    epsilon: float
    context_length: int
    turns: Turns

    @property
    def packed_bytes(self) -> int:
        """Count the bytes that its matrices take beside the library's model."""
        return self.head.packed_bytes + sum(matrix.product.packed_bytes
                                            for layer in self.layers for matrix in layer.matrices)


def read_llama(model: PreTrainedModel) -> Llama | None:
    """Read a library model; None if it is of another kind."""
    config: Any = model.config
    rotation = (getattr(config, "rope_parameters", None) or {}).get("rope_type")
    if (config.model_type not in KINDS or config.hidden_act != "silu" or rotation not in ROTATIONS
            or "sliding_attention" in (getattr(config, "layer_types", None) or ())
            or (config.model_type == "mistral" and config.sliding_window)):
        return None
    decoder: Any = model.model
    rotary = decoder.rotary_emb

    def turns(length: int) -> tuple[Tensor, Tensor]:
        cosines, sines = rotary(decoder.embed_tokens.weight[:1, None], torch.arange(length, device=model.device)[None])
        return cosines[0], sines[0]

    heads = decoder.layers[0].self_attn
    small = sum(parameter.nbytes for parameter in model.parameters()) <= MOST_BYTES
    keep = halved if small else Product
    return Llama(
        embedding=decoder.embed_tokens.weight.detach(), layers=tuple(_layer(layer, keep) for layer in decoder.layers),
        norm=decoder.norm.weight.detach(), head=keep(model.get_output_embeddings().weight.detach(), None),
        heads=config.num_attention_heads, key_heads=config.num_key_value_heads, head_dim=heads.head_dim,
        epsilon=config.rms_norm_eps, context_length=config.max_position_embeddings, turns=turns)


def _layer(layer: Any, keep: Keep) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return Layer(
        before=layer.input_layernorm.weight.detach(), inputs=_join(keep, attention, "q_proj", "k_proj", "v_proj"),
        query_norm=_norm(attention, "q_norm"), key_norm=_norm(attention, "k_norm"),
        output=_join(keep, attention, "o_proj"), between=layer.post_attention_layernorm.weight.detach(),
        gates=_join(keep, mlp, "gate_proj", "up_proj"), down=_join(keep, mlp, "down_proj"))


def _norm(module: Any, name: str) -> Tensor | None:
    norm = getattr(module, name, None)
    return None if norm is None else norm.weight.detach()


def _join(keep: Keep, module: Any, *names: str) -> Matrix:
    """Join linear layers that read the same input; the library's become views of it, so that none is there twice."""
    found = [getattr(module, name) for name in names]
    sizes = [linear.weight.shape[0] for linear in found]
    weight = torch.cat([linear.weight.detach() for linear in found]) if len(found) > 1 else found[0].weight.detach()
    bias = None if found[0].bias is None else torch.cat([linear.bias.detach() for linear in found])
    for linear, part in zip(found, weight.split(sizes), strict=True):
        linear.weight.data = part
    return Matrix(keep(weight, bias), tuple(zip(names, sizes, strict=True)))

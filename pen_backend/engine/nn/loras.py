"""LoRA adapters for the steps of `slots.py`: rows with other adapters, or with none, share a batch.

The small matrices of all adapters in a step stand side by side. Every row is multiplied by all of them, and what comes
of the adapters that are not its own is made 0 before the second half: three products, however many adapters.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from pen_backend.engine.nn.folder import read_adapter_config
from pen_backend.engine.nn.llama import Llama, Matrix

WEIGHT = re.compile(r"base_model\.model\.model\.(layers\.\d+\.(?:self_attn|mlp)\.\w+)\.lora_([AB])\.weight")
PLAIN: Mapping[str, Sequence[Any]] = {"bias": ("none",), "init_lora_weights": (True, "gaussian")}
WITHOUT_EFFECT = frozenset((
    "peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "lora_dropout", "target_modules",
    "exclude_modules", "inference_mode", "use_rslora", "revision", "auto_mapping", "peft_version", "layers_pattern",
    "layers_to_transform", "megatron_core", "qalora_group_size"))
"""What a configuration may say without making an adapter more than two small matrices for each layer, and a factor."""

Pair = tuple[Tensor, Tensor]
"""The halves of a change: (R, in) and, scaled, (R, out)."""
Key = tuple[int, int]
"""A matrix of the model: the number of its layer, and its place among the layer's."""
Halves = tuple[Tensor, Tensor, tuple[int, ...]]
"""The halves of several adapters, one behind the other, and how many rows each has."""
Changes = Mapping[str, Pair]
"""An adapter's halves by the name of the layer they change, such as `layers.0.self_attn.q_proj`."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What adapters add to a model's matrices in one step; OWN, (N, adapters), tells whose tokens are whose."""

    halves: Mapping[Key, Halves]
    own: Tensor | None

    def add(self, found: Tensor, inputs: Tensor, layer: int, place: int) -> Tensor:
        """Add to a product, (N, out), what the adapters of its rows change."""
        halves = self.halves.get((layer, place))
        if halves is None:
            return found
        first, second, ranks = halves
        between = inputs @ first.t()  # (N, ranks of all adapters)
        if self.own is not None:
            between *= self.own.repeat_interleave(torch.tensor(ranks, device=between.device), 1,
                                                  output_size=between.shape[1])
        return torch.addmm(found, between, second)


class Loras:
    """The adapters of one model, by their folders."""

    def __init__(self, model: Llama) -> None:
        self._matrices = {(number, place): matrix for number, layer in enumerate(model.layers)
                          for place, matrix in enumerate(layer.matrices)}
        self._adapters: dict[Path, dict[Key, Pair]] = {}
        self._joined: tuple[tuple[Path, ...], Mapping[Key, Halves]] = ((), {})

    @property
    def bytes(self) -> int:
        """Count the bytes of the adapters."""
        return sum(tensor.nbytes for pairs in self._adapters.values() for pair in pairs.values() for tensor in pair)

    def __contains__(self, adapter: Path) -> bool:
        """Tell whether an adapter is here."""
        return adapter in self._adapters

    def add(self, adapter: Path, changes: Changes) -> bool:
        """Take an adapter's changes in, laid out as the model's matrices are; False if they are for another model."""
        rooms = ("self_attn", "self_attn", "mlp", "mlp")
        known = {f"layers.{number}.{rooms[place]}.{name}": (matrix.product.weight.shape[1], size)
                 for (number, place), matrix in self._matrices.items() for name, size in matrix.parts}
        if any(known.get(name) != (first.shape[1], second.shape[1]) for name, (first, second) in changes.items()):
            return False
        found = {}
        for (number, place), matrix in self._matrices.items():
            pair = _joined(matrix, f"layers.{number}.{rooms[place]}.", changes)
            if pair is not None:
                found[number, place] = pair
        self._adapters[adapter] = found
        return True

    def delta(self, adapters: Sequence[Path | None], counts: Sequence[int]) -> Delta | None:
        """Return what the adapters of parts, each of so many tokens, add in a step; None if no part has one."""
        used = tuple(dict.fromkeys(adapter for adapter in adapters if adapter is not None))
        if not used:
            return None
        if self._joined[0] != used:
            self._joined = used, self._together(used)
        own = None
        if len(used) > 1 or None in adapters:
            rows = [[float(adapter == each) for each in used] for adapter in adapters]
            like = next(iter(self._matrices.values())).product.weight
            own = torch.tensor(rows, dtype=like.dtype, device=like.device)
            if max(counts) > 1:
                own = own.repeat_interleave(torch.tensor(counts, device=like.device), 0)
        return Delta(self._joined[1], own)

    def _together(self, used: Sequence[Path]) -> Mapping[Key, Halves]:
        found = {}
        for key, matrix in self._matrices.items():
            nothing = (matrix.product.weight.new_empty(0, matrix.product.weight.shape[1]),
                       matrix.product.weight.new_empty(0, matrix.product.weight.shape[0]))
            pairs = [self._adapters[adapter].get(key, nothing) for adapter in used]
            ranks = tuple(len(first) for first, _ in pairs)
            if any(ranks):
                found[key] = torch.cat([first for first, _ in pairs]), torch.cat([second for _, second in pairs]), ranks
        return found


def read_changes(adapter: Path) -> Changes | None:
    """Read a saved adapter; None if it is more than pairs of small matrices, which only its own library computes."""
    config = read_adapter_config(adapter)
    if any(value and key not in WITHOUT_EFFECT and value not in PLAIN.get(key, ()) for key, value in config.items()):
        return None
    scale = config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])
    halves: dict[str, dict[str, Tensor]] = {}
    for name, tensor in load_file(adapter / "adapter_model.safetensors").items():
        match = WEIGHT.fullmatch(name)
        if match is None:
            return None
        halves.setdefault(match[1], {})[match[2]] = tensor
    return {name: (pair["A"], pair["B"].t() * scale) for name, pair in halves.items()}


def _joined(matrix: Matrix, prefix: str, changes: Changes) -> Pair | None:
    """Join the changes of the layers that a matrix was joined of, as blocks of its output."""
    firsts, seconds, at = [], [], 0
    for name, size in matrix.parts:
        pair = changes.get(prefix + name)
        if pair is not None:
            first, second = (half.to(matrix.product.weight) for half in pair)
            wide = second.new_zeros(len(second), matrix.product.weight.shape[0])
            wide[:, at : at + size] = second
            firsts.append(first)
            seconds.append(wide)
        at += size
    return (torch.cat(firsts), torch.cat(seconds)) if firsts else None

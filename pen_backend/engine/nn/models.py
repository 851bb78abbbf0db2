"""Load a model folder: library classes, safetensors, fp32; never code or pickles from the folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from pen_backend.engine.nn.folder import COMPANIONS, read_model_folder, refusal
from pen_backend.engine.nn.outcome import is_out_of_memory


def load_model(path: Path, device: torch.device, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Load a causal language model from a checked local folder."""
    read_model_folder(path)
    disable_progress_bar()  # it would fill the log
    try:
        model = cast(PreTrainedModel, AutoModelForCausalLM.from_pretrained(
            path, dtype=dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False,
            attn_implementation="sdpa"))
        model.to(device)  # type: ignore[arg-type]  # the library's stub does not know torch.device here
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise refusal(path, f"the model library says {type(error).__name__}") from error
    model.eval()
    return model


def model_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return a model's weights, of tied ones only the first: what a safetensors file may hold."""
    seen: set[int] = set()
    tensors = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            tensors[name] = tensor.detach().contiguous()
    return tensors


def model_files(model: nn.Module, base: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a model folder: the weights of MODEL, everything else from BASE."""
    yield "model.safetensors", save(model_tensors(model), metadata={"format": "pt"})
    for name, content in companion_files(base):
        yield name, _as_fp32(content) if name == "config.json" else content


def companion_files(base: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the small files that make a model folder out of weights: configuration and tokenizer."""
    for name in COMPANIONS:
        if (base / name).is_file():
            yield name, (base / name).read_bytes()


def _as_fp32(config: bytes) -> bytes:
    """Say in a configuration that the weights are fp32, as training keeps them."""
    value: dict[str, Any] = json.loads(config)
    value.pop("torch_dtype", None)
    return json.dumps({**value, "dtype": "float32"}, indent=2).encode() + b"\n"

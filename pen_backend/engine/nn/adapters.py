"""LoRA adapters: made, continued, written and read as PEFT folders."""

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save
from transformers import PreTrainedModel

from pen_backend.engine.nn.folder import read_adapter_config
from pen_backend.engine.nn.models import companion_files
from pen_backend.engine.nn.outcome import Exit, TrainingError
from pen_backend.engine.nn.spec import Base, Lora

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def new_adapter(model: PreTrainedModel, lora: Lora) -> PeftModel:
    """Put a fresh LoRA adapter on MODEL; torch's generator decides its random half."""
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout,  # type: ignore[arg-type]  # alpha is a factor; the library annotates it as int
                        target_modules=lora.target)
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise TrainingError(Exit.MODEL, "invalid_model", f"The model has no layers '{lora.target}' that an adapter can "
                            "change; set lora.target to all-linear.", param="pen.lora.target") from error


def load_adapter(model: PreTrainedModel, path: Path, device: torch.device, *, trainable: bool = False,
                 name: str = "default") -> PeftModel:
    """Put a saved adapter on MODEL."""
    read_adapter_config(path)  # also makes sure of safetensors: the library would fall back to a pickle
    return PeftModel.from_pretrained(model, str(path), adapter_name=name, is_trainable=trainable,
                                     torch_device=str(device))


def add_adapter(model: PeftModel, path: Path, device: torch.device, *, name: str) -> None:
    """Load one more saved adapter beside those MODEL has."""
    read_adapter_config(path)
    model.load_adapter(str(path), adapter_name=name, is_trainable=False, torch_device=str(device))


def adapter_tensors(model: PeftModel) -> dict[str, torch.Tensor]:
    """Return the adapter's weights under the names PEFT gives them in a file."""
    tensors: dict[str, torch.Tensor] = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}


def restore_adapter(model: PeftModel, file: Path) -> None:
    """Put an adapter's weights from a checkpoint back."""
    set_peft_model_state_dict(model, load_file(file))


def adapter_files(model: PeftModel, base: Base) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an adapter's folder; the tokenizer rides along, so that it also serves alone."""
    config = {key: _plain(value) for key, value in model.peft_config["default"].to_dict().items()}
    yield WEIGHTS, save(adapter_tensors(model), metadata={"format": "pt"})
    config |= {"inference_mode": True, "base_model_name_or_path": base.name}
    yield CONFIG, json.dumps(config, indent=2, sort_keys=True).encode() + b"\n"
    yield from (item for item in companion_files(base.path) if item[0] != "config.json")


def _plain(value: Any) -> Any:
    """Turn what PEFT keeps in its configuration into JSON, sets in sorted order."""
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, Enum):
        return value.value
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value

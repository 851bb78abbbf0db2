"""A model's folder, judged before anything in it is loaded: safetensors and JSON only, with limits, no code."""

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pen_backend.engine.nn.outcome import Exit, TrainingError

MAX_CONFIG_BYTES = 1 << 20
MAX_TOKENIZER_BYTES = 64 << 20
MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 10_000
COMPANIONS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
              "special_tokens_map.json", "chat_template.jinja")
"""The small files a tuned model takes over from its base."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What can be known of a model without loading it."""

    path: Path
    config: dict[str, Any]
    context_length: int
    vocab_size: int
    shapes: dict[str, tuple[int, ...]]

    @property
    def parameters(self) -> int:
        """Count the model's numbers."""
        return sum(math.prod(shape) for shape in self.shapes.values())


def read_model_folder(path: Path) -> ModelFolder:
    """Check a base or fully tuned model's folder and read its sizes."""
    _refuse_code(path)
    config = read_json(path / "config.json")
    inner = config.get("text_config", config)
    context = next((inner[key] for key in ("max_position_embeddings", "n_positions", "seq_length")
                    if isinstance(inner.get(key), int)), None)
    if context is None or not isinstance(inner.get("vocab_size"), int):
        raise refusal(path, "config.json names no context length or vocabulary size")
    limit_size(path / "tokenizer.json", MAX_TOKENIZER_BYTES)
    return ModelFolder(path, config, context, inner["vocab_size"], tensor_shapes(path, "model*.safetensors"))


def read_adapter_config(path: Path) -> dict[str, Any]:
    """Check a LoRA adapter's folder and return its configuration."""
    _refuse_code(path)
    config = read_json(path / "adapter_config.json")
    if config.get("peft_type") != "LORA":
        raise refusal(path, "adapter_config.json is not one of a LoRA adapter")
    tensor_shapes(path, "adapter_model.safetensors")
    return config


def tensor_shapes(path: Path, pattern: str) -> dict[str, tuple[int, ...]]:
    """Read the shapes of all tensors in a folder's safetensors files from their headers."""
    files = sorted(path.glob(pattern))
    if not files:
        raise refusal(path, f"it holds no {pattern}; only safetensors weights are read")
    shapes: dict[str, tuple[int, ...]] = {}
    for file in files:
        header = _read_header(file)
        if len(header) > MAX_TENSORS:
            raise refusal(path, f"{file.name} holds more than {MAX_TENSORS:,} tensors")
        shapes |= {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    return shapes


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model's folder, below the size limit."""
    limit_size(path, MAX_CONFIG_BYTES)
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise refusal(path.parent, f"{path.name} is not JSON") from error
    if not isinstance(value, dict):
        raise refusal(path.parent, f"{path.name} is not a JSON object")
    if "auto_map" in value:
        raise refusal(path.parent, f"{path.name} wants to run code of its own (auto_map)")
    return value


def limit_size(path: Path, limit: int) -> None:
    """Refuse a missing file or one above LIMIT bytes."""
    if not path.is_file():
        raise refusal(path.parent, f"it has no {path.name}")
    if path.stat().st_size > limit:
        raise refusal(path.parent, f"{path.name} is above the limit of {limit:,} bytes")


def refusal(path: Path, why: str) -> TrainingError:
    """Say that a model cannot be loaded and why."""
    return TrainingError(Exit.MODEL, "invalid_model", f"The model in {path} cannot be loaded: {why}.", param="model",
                   where=str(path))


def _refuse_code(path: Path) -> None:
    if not path.is_dir():
        raise refusal(path, "there is no such folder")
    code = sorted(entry.name for entry in path.glob("*.py"))
    if code:
        raise refusal(path, f"it brings program code ({code[0]}), which is never run")


def _read_header(file: Path) -> dict[str, Any]:
    """Read the header a safetensors file begins with: eight bytes of length, then names and shapes as JSON."""
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= MAX_HEADER_BYTES:
            raise refusal(file.parent, f"the header of {file.name} is {length:,} bytes, the limit is "
                          f"{MAX_HEADER_BYTES:,}")
        try:
            header = json.loads(stream.read(length))
            return {str(name): entry for name, entry in header.items()}
        except (ValueError, AttributeError, RecursionError) as error:
            raise refusal(file.parent, f"the header of {file.name} is not readable") from error

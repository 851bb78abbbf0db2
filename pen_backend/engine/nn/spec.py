"""The order a trainer works to: spec.json, read and checked (engine.md section 4)."""

import json
import math
import types
import typing
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from pen_backend.engine.nn.outcome import Exit, TrainingError

SPEC_VERSION = 1


@dataclass(frozen=True, slots=True)
class Base:
    """The model to start from: a Hugging Face folder."""

    name: str
    path: Path
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter of the base to go on with."""

    path: Path
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Lora:
    """The shape of a new adapter."""

    r: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    target: str = "all-linear"

    def __post_init__(self) -> None:
        _require(self.r >= 1, "lora.r must be at least 1")
        _require(0 <= self.dropout < 1, "lora.dropout must be at least 0 and below 1")


@dataclass(frozen=True, slots=True)
class Data:
    """One data file; `name` is what the person called it, for messages."""

    path: Path
    sha256: str | None = None
    dialect: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step trains on: `tokens` one length bucket, `examples` SIZE examples, `windows` SIZE windows.

    The token budget limits a bucket, and what goes through the model at once.
    """

    kind: Literal["tokens", "examples", "windows"] = "tokens"
    size: int | None = None
    token_budget: int | None = 4096

    def __post_init__(self) -> None:
        _require(self.kind == "tokens" or (self.size or 0) >= 1, "batch.size must be at least 1 for this batch.kind")


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Validation while training: every so many steps, on a fixed sample of the file."""

    every: int | None = None
    sample: int = 64
    batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """Class metrics at each evaluation: of so many classes, or of two with one of interest."""

    n_classes: int | None = None
    positive_class: str | None = None
    betas: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        _require(self.n_classes is not None or self.positive_class is not None,
                 "classification needs n_classes or positive_class")


@dataclass(frozen=True, slots=True)
class Completions:
    """Samples while training; without prompts they are drawn from the data by seed."""

    every: int
    count: int = 1
    max_tokens: int = 64
    temperature: float = 1.0
    prompts: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _require(self.every >= 1, "completions.every must be at least 1")


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole job, everything resolved; `spec.json` never changes while the job lives."""

    spec_version: int
    job_id: str
    seed: int
    n_epochs: int
    learning_rate: float
    base: Base
    train: Data
    tune: Literal["full", "lora"]
    max_tokens: int
    batch: Batch
    method: Literal["supervised", "dpo"] = "supervised"
    beta: float | None = None
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    early_stopping: int | None = None
    adapter: Adapter | None = None
    lora: Lora | None = None
    valid: Data | None = None
    prompt_loss_weight: float = 0.0
    overlong: Literal["error", "drop", "truncate"] = "error"
    snapshots_every: int | None = None
    checkpoint_seconds: float = 60.0
    completions: Completions | None = None
    evaluate: Evaluate | None = None
    classification: Classification | None = None
    device: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        _require(self.spec_version == SPEC_VERSION, f"spec_version is {self.spec_version}, this trainer reads version "
                 f"{SPEC_VERSION}; use the pen release that wrote it")
        _require(self.n_epochs >= 1, "n_epochs must be at least 1")
        _require(self.learning_rate > 0, "learning_rate must be above 0")
        _require(self.max_tokens >= 2, "max_tokens must be at least 2")
        _require(self.threads >= 1, "threads must be at least 1")
        _require(self.snapshots_every is None or self.snapshots_every >= 1, "snapshots_every must be at least 1")
        dpo = self.method == "dpo"
        _require(not dpo or (self.beta is not None and 0 < self.beta <= 2),
                 "beta must be above 0 and at most 2 for dpo")
        _require(not dpo or self.batch.kind != "windows", "dpo needs whole examples; batch.kind is windows")
        _require(not dpo or self.classification is None, "dpo has no classification")
        _require(self.early_stopping is None or (self.early_stopping >= 1 and self.valid is not None),
                 "early_stopping must be at least 1, and needs valid")
        _require(self.classification is None or self.valid is not None, "classification needs valid")
        _require(self.classification is None or self.batch.kind != "windows",
                 "classification needs whole examples; batch.kind is windows")


def read_spec(path: Path) -> Spec:
    """Read and check a job's spec.json."""
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal(f"spec.json cannot be read: {type(error).__name__}.") from error
    return _build(Spec, raw, "spec")  # type: ignore[no-any-return]  # the record is made from the class handed in


def _refusal(message: str) -> TrainingError:
    return TrainingError(Exit.SPEC, "internal_error", message, where="spec.json")


def _require(truth: bool, message: str) -> None:
    if not truth:
        raise _refusal(f"{message}.")


def _build(cls: type, raw: object, where: str) -> Any:
    """Make the frozen record CLS from a JSON object: known keys only, exact types."""
    if not isinstance(raw, dict):
        raise _refusal(f"{where} must be an object.")
    known = {field.name: field for field in fields(cls)}
    for key in raw:
        _require(key in known, f"{where}.{key} is not a key of this trainer's spec")
    for name, field in known.items():
        _require(name in raw or field.default is not MISSING, f"{where}.{name} is missing")
    hints = typing.get_type_hints(cls)
    return cls(**{key: _convert(hints[key], value, f"{where}.{key}") for key, value in raw.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Check VALUE against a type hint and turn JSON's types into ours."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(hint) if part is not type(None)]
        return None if value is None else _convert(inner[0], value, where)
    if origin is Literal:
        choices = typing.get_args(hint)
        _require(value in choices, f"{where} must be one of {', '.join(choices)}")
        return value
    if origin is tuple:
        _require(isinstance(value, list), f"{where} must be a list")
        return tuple(_convert(typing.get_args(hint)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if is_dataclass(hint):
        return _build(typing.cast(type, hint), value, where)
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        _require(number and math.isfinite(value), f"{where} must be a number")
        return float(value)
    if hint is int:
        _require(isinstance(value, int) and not isinstance(value, bool), f"{where} must be a whole number")
        return value
    if hint is Path:
        _require(isinstance(value, str) and value.startswith("/"), f"{where} must be an absolute path")
        return Path(value)
    if hint is str:
        _require(isinstance(value, str), f"{where} must be text")
    return value

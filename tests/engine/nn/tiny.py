"""A two-layer random Llama with a byte-level tokenizer, and jobs for it: made in milliseconds, equal every time."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pen_backend.engine.nn.base import Shape, build_model, save_base, train_tokenizer
from pen_backend.engine.nn.outcome import Exit, Stop
from pen_backend.engine.train import run_job
from pen_backend.files import Disk
from tests.disks import QuickDisk

SHAPE = Shape(vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
              max_position_embeddings=256)
LINES = [{"prompt": f"Question {i}: what comes after {i}?", "completion": f" It is {i + 1}, " + "surely " * (i % 7)}
         for i in range(40)]

LORA: dict[str, Any] = {"tune": "lora", "lora": {"r": 4, "alpha": 8, "dropout": 0.1, "target": "all-linear"}}


def make_model(path: Path, *, seed: int = 1, shape: Shape = SHAPE) -> Path:
    """Write a random model folder, fp32 values that bf16 can hold."""
    torch.set_num_threads(1)
    tokenizer = train_tokenizer([line["prompt"] + line["completion"] for line in LINES], shape.vocab_size)
    path.mkdir(parents=True)
    save_base(build_model(shape, seed=seed), tokenizer, path)
    return path


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Write a data file; return how a spec names it."""
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    path.write_bytes(content)
    return {"path": str(path), "sha256": hashlib.sha256(content).hexdigest(), "dialect": "prompt-completion",
            "name": path.name}


def make_job(directory: Path, model: Path, lines: Sequence[Mapping[str, Any]] = LINES, **changes: Any) -> Path:
    """Make a job directory with its spec and data; CHANGES are keys of the spec, `valid` a list of lines."""
    directory.mkdir(parents=True)
    valid = changes.pop("valid", None)
    spec = {
        "spec_version": 1, "job_id": "ftjob-test", "method": "supervised", "seed": 7, "n_epochs": 2,
        "learning_rate": 3e-3, "beta": None, "base": {"name": "tiny", "path": str(model), "sha256": None},
        "adapter": None, "tune": "full", "lora": None, "train": write_lines(directory / "train.jsonl", lines),
        "valid": write_lines(directory / "valid.jsonl", valid) if valid else None, "prompt_loss_weight": 0.0,
        "max_tokens": 256, "overlong": "error", "batch": {"kind": "examples", "size": 8, "token_budget": 1024},
        "snapshots_every": None, "checkpoint_seconds": 60, "completions": None, "evaluate": None,
        "classification": None, "device": "cpu", "threads": 1,
    } | changes
    (directory / "spec.json").write_text(json.dumps(spec))
    return directory


def weights_hash(jobdir: Path) -> str:
    """Hash the final weights of a finished job."""
    model = Path(json.loads((jobdir / "result.json").read_bytes())["model_path"])
    file = next(path for name in ("model.safetensors", "adapter_model.safetensors") if (path := model / name).exists())
    return hashlib.sha256(file.read_bytes()).hexdigest()


def events(jobdir: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """Read a job's events."""
    lines = (jobdir / "events.jsonl").read_bytes().splitlines()
    return [event for event in map(json.loads, lines) if kind in (None, event["kind"])]


def train(jobdir: Path, *, attempt: int = 1, disk: Disk | None = None, stop: Stop | None = None) -> Exit:
    """Train a job as the program does."""
    return run_job(jobdir, attempt=attempt, disk=disk or QuickDisk(), stop=stop or Stop())


def error(jobdir: Path) -> dict[str, Any]:
    """Read why a job failed."""
    found: dict[str, Any] = json.loads((jobdir / "error.json").read_bytes())
    return found


def steps(jobdir: Path) -> list[int]:
    """List the steps a job has told of."""
    return [event["step"] for event in events(jobdir, "metrics")]

"""A run's whole state as the files of a checkpoint, and back: tensors as safetensors, the rest as JSON, no pickles.

What comes back must continue bit by bit as if nothing had happened: weights, moments, the step, and every generator of
random numbers. The order of the batches needs nothing, it is a function of the step.
"""

import json
import platform
import random
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save

from pen_backend.engine.nn.best import Best
from pen_backend.engine.nn.checkpoints import STATE, Checkpoint
from pen_backend.engine.nn.models import model_files
from pen_backend.engine.nn.optimiser import optimiser_tensors, restore_optimiser
from pen_backend.engine.nn.run import Run

GENERATOR = "generator|"


def state_files(run: Run, seconds: float, generators: Sequence[torch.Tensor]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a checkpoint; they are a usable model too. GENERATORS are torch's, of each process."""
    base = run.spec.base
    if run.adapter is None:
        yield from model_files(run.model, base.path)
    else:
        from pen_backend.engine.nn.adapters import adapter_files

        yield from adapter_files(run.adapter, base)
    yield "pen.json", _json({"base": {"name": base.name, "sha256": base.sha256}, "kind": run.spec.tune,
                             "job_id": run.spec.job_id, "step": run.step})
    yield "optim.safetensors", save(optimiser_tensors(run.optimiser, run.loss) | _generator_tensors(generators))
    yield STATE, _json({
        "step": run.step,
        "figures": run.figures,
        "closed": run.closed,
        "best": run.best.to_json(),
        "seconds": seconds,
        "schedule": {"total_steps": run.plan.total_steps, "learning_rate": run.spec.learning_rate},
        "param_groups": [{key: value for key, value in group.items() if key != "params"}
                         for group in run.optimiser.param_groups],
        "surroundings": surroundings(run),
        "generators": _plain_generators(),
    })


def restore(run: Run, checkpoint: Checkpoint) -> None:
    """Put a freshly loaded run back to where a checkpoint left it."""
    path = checkpoint.path
    state = json.loads((path / STATE).read_bytes())
    if run.adapter is None:
        run.model.load_state_dict(load_file(path / "model.safetensors"), strict=False)  # tied weights are stored once
    else:
        from pen_backend.engine.nn.adapters import WEIGHTS, restore_adapter

        restore_adapter(run.adapter, path / WEIGHTS)
    tensors = load_file(path / "optim.safetensors")
    generators = {name: tensors.pop(name) for name in list(tensors) if name.startswith(GENERATOR)}
    restore_optimiser(run.optimiser, run.loss, tensors)
    for group, saved in zip(run.optimiser.param_groups, state["param_groups"], strict=True):
        group.update({key: tuple(value) if isinstance(value, list) else value for key, value in saved.items()})
    _restore_generators(generators, state["generators"], run.ranks.index)
    run.step, run.figures, run.closed = state["step"], state["figures"], state["closed"]
    run.best = Best(**state.get("best", {}))
    run.seconds, run.saved = state["seconds"], path
    now = surroundings(run)
    run.warnings += [f"{name} was {then}, is {now.get(name)}: the weights may differ in the last bits"
                     for name, then in state["surroundings"].items() if now.get(name) != then]


def read_state(checkpoint: Checkpoint) -> dict[str, Any]:
    """Read the numbers of a checkpoint without its tensors."""
    state: dict[str, Any] = json.loads((checkpoint.path / STATE).read_bytes())
    return state


def surroundings(run: Run) -> dict[str, Any]:
    """List what must be equal for equal bits: versions, precision, threads, ranks, machine."""
    return {"python": platform.python_version(), "machine": platform.machine(),
            **{name: version(name) for name in ("torch", "transformers", "peft", "accelerate", "tokenizers")},
            "device": run.device.name, "precision": run.device.precision, "threads": torch.get_num_threads(),
            "ranks": run.ranks.count, "lean_forward": run.loss.lean, "written_decoder": run.loss.written}


def _generator_tensors(generators: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    states = {f"{GENERATOR}cpu{rank or ''}": state for rank, state in enumerate(generators)}
    for i in range(torch.cuda.device_count()):
        states[f"{GENERATOR}cuda:{i}"] = torch.cuda.get_rng_state(i)
    return states


def _plain_generators() -> dict[str, Any]:
    numpy_state = np.random.get_state(legacy=False)  # the global one, which libraries draw from
    return {"python": random.getstate(), "numpy": numpy_state}


def _restore_generators(tensors: dict[str, torch.Tensor], plain: dict[str, Any], rank: int) -> None:
    torch.set_rng_state(tensors.get(f"{GENERATOR}cpu{rank or ''}", tensors[f"{GENERATOR}cpu"]))
    for i in range(torch.cuda.device_count()):
        if f"{GENERATOR}cuda:{i}" in tensors:
            torch.cuda.set_rng_state(tensors[f"{GENERATOR}cuda:{i}"], i)
    kind, numbers, gauss = plain["python"]
    random.setstate((kind, tuple(numbers), gauss))
    np.random.set_state(plain["numpy"])


def _json(value: Any) -> bytes:
    return json.dumps(value, default=_listed, sort_keys=True).encode() + b"\n"


def _listed(value: Any) -> Any:
    """Turn NumPy's arrays and numbers into JSON's."""
    return value.tolist()

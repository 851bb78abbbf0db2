"""What the end of a trainer means, and how its model is published: all of it in one transaction, or nothing."""

import signal
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.directory import JobDirectory
from pen_backend.engine.jobs.events import add_checkpoint, snapshot_name
from pen_backend.engine.jobs.spec import Start
from pen_backend.engine.jobs.state import Job
from pen_backend.engine.models import register
from pen_backend.engine.store import Store, add_file, hash_directory
from pen_backend.engine.wire.ids import derived_id

STOPPED = 75
INTERRUPTED = 70
KILLED = 128  # and above: a shell's way to tell of a signal
FINAL_EXITS = {64: "internal_error", 65: "invalid_training_file", 66: "invalid_model", 71: "out_of_memory",
               73: "no_space", 76: "training_diverged"}
RESULT_FILES = ("step_metrics.csv", "compiled_results.csv", "samples.jsonl")
CLASSIC_RESULTS = "compiled_results.csv"
METRICS = ("train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy", "full_valid_loss",
           "full_valid_mean_token_accuracy")


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended; `lost` attempts are repeated from their last checkpoint: what ended them may pass."""

    kind: Literal["succeeded", "failed", "stopped", "lost"]
    error: Mapping[str, Any] | None = None


def read_ending(code: int | None, directory: JobDirectory) -> Ending:
    """Judge an ended trainer by its files, and by its exit code where this engine was its parent (else None)."""
    if directory.read("result.json") is not None:
        return Ending("succeeded")
    error = directory.read("error.json") or {}
    if code == STOPPED or (code is None and directory.read("stopped.json") is not None):
        return Ending("stopped")
    if code is None:  # what an adopted trainer left with is known only from what it wrote
        code = error["exit"] if isinstance(error.get("exit"), int) else None
        if code is None and error.get("code") not in (None, "internal_error"):
            return Ending("failed", error)
    if code is None or code < 0 or code >= KILLED or code == INTERRUPTED:
        return Ending("lost")
    return Ending("failed", {"code": FINAL_EXITS.get(code, "internal_error"), "message": _unexplained(code, directory),
                             **error})


def _unexplained(code: int, directory: JobDirectory) -> str:
    return (f"The trainer ended with status {code} and no reason; jobs/{directory.path.name} in the engine's directory "
            "has its logs.")


def how_it_died(code: int | None) -> str:
    """Say how a process ended that should not have, as the end of a sentence about it."""
    if code is None:
        return "is gone, and left no reason"
    if code >= 0:
        return f"ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "of an unknown name"
    hint = ", perhaps by the system for lack of memory" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code} ({name}){hint}"


def publish(store: Store, job: Job, start: Start, base: str, directory: JobDirectory) -> None:
    """Make the result of JOB a model, its tables files, and the job succeeded.

    Every step before the transaction may have been done by an engine that died after it. A job that has been cancelled
    since it was read stays so, and nothing is kept.
    """
    result = directory.read("result.json") or {}
    home = store.directory / "models" / job.id
    if not home.exists():
        store.disk.publish(directory.path / str(result["model_path"]), home)
    lora = job.options["tune"] == "lora"
    sha256 = hash_directory(home)
    files = {name: (directory.path / name).read_bytes() for name in RESULT_FILES if (directory.path / name).is_file()
             and (name != CLASSIC_RESULTS or job.options.get("results") == "classic")}
    steps = int(result.get("steps") or 0)
    step = int(result.get("model_step") or steps)  # an earlier one, where training has stopped early
    trained_tokens = int(result.get("trained_tokens") or 0)

    def finish(connection: sqlite3.Connection) -> bool:
        if not state.move(connection, job, "succeeded", message="The job has successfully completed.",
                          fine_tuned_model=job.model_name, trained_tokens=trained_tokens, total_steps=steps,
                          result_files=[_file_id(job, name) for name in files]):
            return False
        register(connection, name=job.model_name, kind=job.options["tune"], base=base,
                 path=start.path if lora else home, adapter=home if lora else None, sha256=sha256, job_id=job.id,
                 step=step, metadata=job.metadata)
        add_checkpoint(connection, job.id, step=step, model=job.model_name, metrics=measured(result.get("metrics")),
                       again=step != steps)
        for name, data in files.items():  # the same content may be deleted at any other moment
            add_file(connection, file_id=_file_id(job, name), filename=name, size=len(data),
                     purpose="fine-tune-results", blob=store.add_blob(data))
        return True

    if not store.transact(finish) and state.get(store, job.id).state != "succeeded":
        store.disk.remove(home)


def publish_snapshot(store: Store, job: Job, start: Start, base: str, path: Path, data: Mapping[str, Any]) -> None:
    """Make a public checkpoint of a running job a model that can be used at once."""
    step = int(data["step"])
    name = snapshot_name(job.model_name, step)
    lora = job.options["tune"] == "lora"
    sha256 = hash_directory(path)

    def keep(connection: sqlite3.Connection) -> None:
        register(connection, name=name, kind=job.options["tune"], base=base, path=start.path if lora else path,
                 adapter=path if lora else None, sha256=sha256, job_id=job.id, step=step, metadata=job.metadata)
        add_checkpoint(connection, job.id, step=step, model=name, metrics=measured(data.get("metrics")))

    store.transact(keep)


def snapshots(store: Store, job: Job) -> set[Path]:
    """List the directories of a job's snapshots that are still models."""
    rows = store.read(lambda connection: connection.execute(
        "SELECT path, adapter FROM models WHERE job_id = ?", (job.id,)).fetchall())
    return {Path(row["adapter"] or row["path"]) for row in rows}


def measured(metrics: object) -> dict[str, float]:
    """Keep the metrics a checkpoint may have, where they were measured."""
    values = metrics if isinstance(metrics, dict) else {}
    return {name: values[name] for name in METRICS if isinstance(values.get(name), int | float)}


def _file_id(job: Job, name: str) -> str:
    return derived_id("file-", job.id, name)

"""Everything a trainer is told, resolved: no "auto" is left in spec.json (engine.md section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pen_backend.engine.jobs.state import Job, method_of
from pen_backend.records import auto_epochs

SPEC_VERSION = 1
TOKEN_BUDGET = 4096
WINDOW = 2048
SMALL_MODEL = 20_000_000
RATE_SMALL, RATE_LARGE, RATE_LORA = 6e-4, 2e-5, 2e-4
PREFERENCE_RATE = 0.1  # preferences are learned more gently
BETA = 0.1
EVALUATIONS = 20
EVALUATION_SAMPLE = 64
SAMPLE_TEMPERATURE = 0.8
# Options that came later than jobs which may still wait in a store.
ADDED = {"packing": "examples", "classification": None, "schedule": "cosine", "early_stopping": None}
SPARE_BYTES = 16 << 20  # for the database and logs, beside three checkpoints


@dataclass(frozen=True, slots=True)
class Start:
    """The weights a job starts from: a full model's directory, and an adapter on top of it or none.

    `rank_parameters` is what a new adapter of rank 1 on all linear layers has.
    """

    name: str
    path: Path
    sha256: str
    parameters: int
    rank_parameters: int
    context_length: int
    adapter: Path | None = None
    adapter_sha256: str | None = None


def resolve(start: Start, options: Mapping[str, Any], hyperparameters: Mapping[str, Any], *,
            examples: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Replace every "auto" that is known before the data is tokenised; return hyperparameters and options.

    `batch_size` stays "auto", which means a budget of tokens; the trainer lowers it for very little data.
    """
    tune = options["tune"]
    if tune == "auto":
        tune = "lora" if start.adapter is not None or start.parameters >= SMALL_MODEL else "full"
        if options.get("lora") is not None:
            tune = "lora"
    multiplier = hyperparameters["learning_rate_multiplier"]
    multiplier = 1.0 if multiplier == "auto" else multiplier
    rate = options["learning_rate"] or base_rate(tune, start.parameters) * multiplier * (
        PREFERENCE_RATE if method_of(hyperparameters) == "dpo" else 1)
    beta = {"beta": BETA if hyperparameters["beta"] == "auto" else hyperparameters["beta"]} \
        if method_of(hyperparameters) == "dpo" else {}
    epochs = hyperparameters["n_epochs"]
    return (
        {**hyperparameters, "n_epochs": auto_epochs(examples) if epochs == "auto" else epochs,
         "learning_rate_multiplier": multiplier, **beta},
        {**options, "tune": tune, "learning_rate": rate,
         "max_tokens": options["max_tokens"] or (min(WINDOW, start.context_length) if options["packing"] == "window"
                                                 else start.context_length),
         "lora": (options.get("lora") or {"r": 16, "alpha": 32.0, "dropout": 0.0, "target": "all-linear"})
         if tune == "lora" else None},
    )


def base_rate(tune: Literal["full", "lora"], parameters: int) -> float:
    """Choose the learning rate that a multiplier of 1 means."""
    if tune == "lora":
        return RATE_LORA
    return RATE_SMALL if parameters < SMALL_MODEL else RATE_LARGE


def build(job: Job, start: Start, *, blobs: Mapping[str, Path], names: Mapping[str, str], threads: int,
          checked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write down a job for its trainer. CHECKED is check.json, which says how much there is to train on.

    BLOBS and NAMES give the path and the person's file name of each of the job's blobs.
    """
    options, hyperparameters = {**ADDED, **job.options}, job.hyperparameters
    steps = int((checked or {}).get("total_steps") or 0)

    def data(blob: str, dialect: str) -> dict[str, Any]:
        return {"path": str(blobs[blob]), "sha256": blob, "dialect": dialect, "name": names[blob]}

    valid = None if job.validation_blob is None else data(job.validation_blob, str(job.validation_dialect))
    every = options["eval_every"]
    batch_evaluate = options["eval_batch_size"]
    return {
        "spec_version": SPEC_VERSION, "job_id": job.id, "method": method_of(hyperparameters), "seed": job.seed,
        "beta": hyperparameters.get("beta"),
        "n_epochs": hyperparameters["n_epochs"], "learning_rate": options["learning_rate"],
        "schedule": options["schedule"], "early_stopping": options["early_stopping"],
        "base": {"name": start.name, "path": str(start.path), "sha256": start.sha256},
        "adapter": None if start.adapter is None else {"path": str(start.adapter),
                                                              "sha256": start.adapter_sha256},
        "tune": options["tune"], "lora": options["lora"],
        "train": data(job.training_blob, job.training_dialect), "valid": valid,
        "prompt_loss_weight": options["prompt_loss_weight"], "max_tokens": options["max_tokens"],
        "overlong": options["overlong"],
        "batch": {**_batch(options, hyperparameters["batch_size"]), "token_budget": TOKEN_BUDGET},
        "snapshots_every": options["snapshots_every"], "checkpoint_seconds": options["checkpoint_seconds"],
        "completions": None if options["completions_every"] is None else {
            "every": options["completions_every"], "count": options["num_completions"],
            "max_tokens": options["completion_max_tokens"], "temperature": SAMPLE_TEMPERATURE,
            "prompts": options["completion_prompts"]},
        "evaluate": None if valid is None else {
            "every": max(1, steps // EVALUATIONS) if every in (None, "auto") else every,
            "sample": EVALUATION_SAMPLE, "batch_size": None if batch_evaluate == "auto" else batch_evaluate},
        "classification": _classification(options["classification"]), "device": "auto", "threads": threads,
    }


def _batch(options: Mapping[str, Any], size: Any) -> dict[str, Any]:
    """Say what a step is: windows, a number of examples, or as many as a budget of tokens holds."""
    if options["packing"] == "window":
        return {"kind": "windows", "size": max(1, TOKEN_BUDGET // options["max_tokens"]) if size == "auto" else size}
    return {"kind": "tokens", "size": None} if size == "auto" else {"kind": "examples", "size": size}


def _classification(asked: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if asked is None else {**asked, "betas": asked["betas"] or [1.0]}


def missing_space(start: Start, options: Mapping[str, Any], free: int) -> str | None:
    """Say what a job lacks of disk space, with FREE bytes there; None if it has enough."""
    needed = 3 * checkpoint_bytes(start, options) + SPARE_BYTES
    if free >= needed:
        return None
    return (f"Training needs {needed / 1e6:,.0f} MB of free disk space for its checkpoints, and {free / 1e6:,.0f} MB "
            "are free; make room and create the job again.")


def checkpoint_bytes(start: Start, options: Mapping[str, Any]) -> int:
    """Estimate a checkpoint: fp32 weights with both AdamW moments of whatever is trained."""
    if options["tune"] == "full":
        return 12 * start.parameters
    return 12 * int(options["lora"]["r"]) * start.rank_parameters

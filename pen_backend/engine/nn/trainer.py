"""Fine-tune a model: load, loop, log, save.

The loss is sum(w · nll) / sum(w) over a step's whole batch; the sampler knows sum(w), so every micro-batch can be
divided by it before the first backward. Evaluation, samples and checkpoints change nothing that is trained.
"""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from pen_backend.engine.nn.best import judged
from pen_backend.engine.nn.checkpoints import (
    best_checkpoint,
    checkpoint_name,
    copy_model,
    make_public,
    newest_checkpoint,
    prune,
    sweep_temporary,
    write_checkpoint,
)
from pen_backend.engine.nn.compiling import compile_if_it_pays
from pen_backend.engine.nn.device import Precision
from pen_backend.engine.nn.journal import Journal
from pen_backend.engine.nn.optimiser import CLIP, learning_rate
from pen_backend.engine.nn.outcome import Stop, Stopped, rank_from_environment
from pen_backend.engine.nn.references import measure_references
from pen_backend.engine.nn.reporting import Figures, Report, measured
from pen_backend.engine.nn.resume import read_state, restore, state_files
from pen_backend.engine.nn.run import Run, diverged, load_run
from pen_backend.engine.nn.samples import due_samples
from pen_backend.engine.nn.spec import Spec
from pen_backend.engine.nn.totals import Totals
from pen_backend.engine.nn.validation import due_validation
from pen_backend.files import Disk
from pen_backend.words import count


def train(spec: Spec, jobdir: Path, journal: Journal, *, disk: Disk, stop: Stop, guard: Callable[[], None],
          precision: Precision | None = None) -> dict[str, Any]:
    """Train a job from its newest checkpoint, or its beginning, to its last step; return what result.json holds."""
    root = jobdir / "ckpt"
    if rank_from_environment() == 0:
        sweep_temporary(root, disk)
    checkpoint = newest_checkpoint(root)
    if checkpoint:
        precision = read_state(checkpoint)["surroundings"]["precision"]
    run = load_run(spec, root, journal, disk=disk, stop=stop, guard=guard, precision=precision)
    if spec.method == "dpo":
        measure_references(run, jobdir / "reference.safetensors")
    if checkpoint:
        restore(run, checkpoint)
    compile_if_it_pays(run)
    report = Report(journal, run.plan.total_steps)
    announce(run, report)
    run.stop.check()
    if not run.closed:
        close_step(run, report)
    while not is_over(run):
        take_step(run, run.step + 1, report)
        close_step(run, report)
    figures = choose_model(run, report)
    classes = {name.removeprefix("classification/"): value for name, value in figures.items()
               if name.startswith("classification/")}
    return {"model_path": str(run.saved), "steps": run.step, "model_step": figures["step"],
            "metrics": measured(figures),
            **({"classification": classes} if classes else {}),
            "trained_tokens": run.figures["elapsed_tokens"],
            "seconds": run.seconds + report.seconds}


def take_step(run: Run, number: int, report: Report) -> None:
    """Train one step: forward, backward, clip, update; note its figures."""
    begun = time.monotonic()
    step = run.plan.step(number)
    rate = learning_rate(number, run.plan.total_steps, run.spec.learning_rate, run.spec.schedule)
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    run.loss.train()
    totals, items = Totals(), run.plan.items(number)
    groups = run.ranks.share(step.micro_batches) if step.weight_sum else ()  # a window may hold nothing to learn
    for place, numbers in enumerate(groups, 1):
        chosen = numbers or step.micro_batches[0][:1]  # every process exchanges gradients as often
        batch = run.collate([items[i] for i in chosen], run.vocabulary.pad, run.device.torch)
        with run.ranks.together(run.forward, last=place == len(groups)):
            scores = run.forward(batch)
            # the exchange divides by the number of processes
            run.ranks.accelerator.backward(scores.loss / step.weight_sum * (run.ranks.count * bool(numbers)))
        if numbers:
            totals.add(scores)
    totals.gather(run.ranks)
    norm = float(run.ranks.accelerator.clip_grad_norm_(run.loss.parameters(), CLIP)) if groups else 0.0
    if not math.isfinite(totals.loss) or not math.isfinite(norm):
        raise diverged(run, "gradient" if math.isfinite(totals.loss) else "loss")
    if groups:
        run.optimiser.step()
    run.optimiser.zero_grad()
    report.trained(time.monotonic() - begun, step.tokens)
    before = run.figures
    run.step, run.closed = number, False
    run.figures = {"step": number, "total_steps": run.plan.total_steps, "epoch": run.plan.epoch_of(number),
                   **totals.figures("train", step.weight_sum), "learning_rate": rate,
                   "tokens_per_second": report.tokens_per_second,
                   "elapsed_tokens": before.get("elapsed_tokens", 0) + step.tokens,
                   "elapsed_examples": before.get("elapsed_examples", 0) + step.examples}


def close_step(run: Run, report: Report) -> None:
    """Evaluate, log, sample and save what is due after a step; if asked to stop, save and leave."""
    try:
        run.figures |= due_validation(run)
        if run.best.step == run.step:
            run.best.figures = dict(run.figures)
        report.figures(run.figures, always=is_public(run) or "valid_loss" in run.figures)
        report.progress(run.step)
        due_samples(run)
    except Stopped:
        save(run, report)  # what was not measured yet is measured after the resume
        raise
    run.closed = True
    due, asked = run.ranks.any(time.monotonic() - run.saved_at >= run.spec.checkpoint_seconds, run.asked.requested)
    if asked:
        run.stop.requested = True
    if due or is_public(run) or is_new_best(run) or run.stop.requested:
        save(run, report)
    if not is_over(run):
        run.stop.check()


def save(run: Run, report: Report) -> None:
    """Write a checkpoint of the run as it stands, tell of it, and drop those no longer needed."""
    public = run.closed and is_public(run)
    generators = run.ranks.gather(torch.get_rng_state())
    if run.ranks.first:
        write(run, report, generators, public=public)
    run.ranks.wait()  # nobody may look for a checkpoint that is not there yet
    run.saved, run.saved_at = run.root / checkpoint_name(run.step), time.monotonic()


def write(run: Run, report: Report, generators: Sequence[torch.Tensor], *, public: bool) -> None:
    """Write and tell what `save` saves; one process does."""
    run.journal.sync()  # so that no checkpoint knows of a step that the journal does not
    path = write_checkpoint(
        run.root, run.step, state_files(run, run.seconds + report.seconds, generators), public=public, whole=run.closed,
        score=judged(run.figures, run.spec), disk=run.disk, guard=run.guard)
    report.checkpoint(path, run.figures, public=public, final=is_over(run) and not wants_best(run))
    prune(run.root, run.disk)


def choose_model(run: Run, report: Report) -> Figures:
    """Settle which checkpoint the job's model is, of a finished run, and keep the best one; return its figures.

    It is the last one; of a job that stops early, the best one.
    """
    if not run.ranks.first:
        return run.best.figures if wants_best(run) else run.figures
    if not wants_best(run):
        best = best_checkpoint(run.root)
        if best and not best.public:
            make_public(best, run.disk)
            report.checkpoint(best.path, {"step": best.step, **run.best.figures_of(best.step)}, public=True)
        return run.figures
    report.message(f"The validation loss was lowest at step {run.best.step}, {run.best.loss:.4f}: that is the model.",
                   run.step)
    run.saved = run.root.parent / "best"
    copy_model(run.root / checkpoint_name(run.best.step), run.saved, run.disk)
    report.checkpoint(run.saved, run.best.figures, public=True, final=True)
    return run.best.figures


def is_over(run: Run) -> bool:
    """Tell whether there is nothing left to train."""
    return run.best.stopped or run.step == run.plan.total_steps


def wants_best(run: Run) -> bool:
    """Tell whether the job's model is to be an earlier one than the last."""
    return run.spec.early_stopping is not None and run.best.loss is not None and run.best.step != run.step


def is_new_best(run: Run) -> bool:
    """Tell whether the run's step has to be kept in case that it stays the best."""
    return run.spec.early_stopping is not None and run.best.step == run.step


def is_public(run: Run) -> bool:
    """Tell whether the checkpoint of the run's step is one for people: at epoch ends, and as often as they asked."""
    every = run.spec.snapshots_every
    last = is_over(run) and not wants_best(run)
    return run.plan.ends_epoch(run.step) or (every is not None and run.step % every == 0) or last


def announce(run: Run, report: Report) -> None:
    """Say where training starts, and what the attempt before had no time to say."""
    plan = run.plan
    if not run.step:
        report.message(f"Training {count(plan.total_steps, 'step')}, {plan.steps_per_epoch} an epoch, on "
                       f"{count(len(run.train.examples), 'example')} in {run.device.precision} on "
                       f"{run.device.name}.", 0)
        return
    report.message(f"Training goes on after step {run.step}.", run.step)
    for warning in run.warnings:
        report.message(warning, run.step, warning=True)
    if run.saved and run.closed and is_public(run) and run.step not in run.journal.published:
        report.checkpoint(run.saved, run.figures, public=True, final=is_over(run) and not wants_best(run))

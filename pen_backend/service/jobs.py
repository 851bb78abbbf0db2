"""Fine-tuning jobs: launch, list, show, watch, pause, resume, cancel."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pen_backend.service.context import Context
from pen_backend.service.registry import AnyFloat, Events, rpc

if TYPE_CHECKING:
    from pen_backend.client import Client
    from pen_backend.jobs.spec import JobSpec
    from pen_backend.jobs.watch import Note, Progress

RECENT = 40  # events looked at for a summary


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One job as it stands; figures not measured yet are None.

    `want` is what was asked of the job and may not have happened yet: run, pause or cancel. `interruption` says how its
    trainer died last, if it did; `attempt` counts from 1. All three only the local engine knows.
    """

    id: str
    status: str
    model: str
    fine_tuned_model: str | None
    prompt: str | None
    created_at: int
    step: int | None = None
    total_steps: int | None = None
    train_loss: AnyFloat | None = None
    valid_loss: AnyFloat | None = None
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    error: str | None = None
    want: str | None = None
    attempt: int | None = None
    interruption: str | None = None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The losses of one step."""

    step: int
    train_loss: AnyFloat | None
    valid_loss: AnyFloat | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model wrote while it was trained."""

    step: int
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model as it was after a step, usable like any other."""

    step: int
    model: str
    train_loss: AnyFloat | None
    valid_loss: AnyFloat | None


@dataclass(frozen=True, slots=True)
class Option:
    """One resolved option of a job, as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class JobDetail(JobSummary):
    """A job with its curve, samples (newest first), checkpoints (newest first) and options."""

    plan: str | None = None
    curve: list[CurvePoint] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    hyperparameters: list[Option] = field(default_factory=list)
    trained_tokens: int | None = None
    finished_at: int | None = None


Summaries = list[JobSummary]


class Jobs:
    """The jobs of the configured provider."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc()
    def launch(self, plan: str, model: str | None = None, n_epochs: int | None = None, batch_size: int | None = None,
               learning_rate_multiplier: float | None = None, learning_rate: float | None = None,
               seed: int | None = None, tune: Literal["auto", "lora", "full"] | None = None,
               snapshots_every: int | None = None, completions_every: int | None = None,
               num_completions: int | None = None, eval_every: int | None = None, suffix: str | None = None,
               checkpoint_seconds: float | None = None, confirmed: bool = False) -> JobSummary:
        """Launch a job on exactly the training set that was built; options not given are the plan's.

        PLAN is a build's id or directory, or a training file FILE.jsonl that no definition has built.
        """
        from pen_backend.jobs import spec

        overrides = {
            "model": model, "n_epochs": n_epochs, "batch_size": batch_size, "learning_rate": learning_rate,
            "learning_rate_multiplier": learning_rate_multiplier, "seed": seed, "tune": tune, "suffix": suffix,
            "snapshots_every": snapshots_every, "completions_every": completions_every, "eval_every": eval_every,
            "num_completions": num_completions, "checkpoint_seconds": checkpoint_seconds,
        }
        config = self._context.config
        if plan.endswith(".jsonl"):
            job_spec = spec.from_files(Path(plan), None, default_model=config.model, overrides=overrides)
        else:
            job_spec = spec.from_plan(self._context.find_plan(plan), default_model=config.model, overrides=overrides)
        return self.launch_spec(job_spec, confirmed=confirmed)

    def launch_spec(self, spec: "JobSpec", *, confirmed: bool) -> JobSummary:
        """Launch a job that is described whole; its model may be another name of one."""
        from pen_backend.jobs import launch

        client = self._context.client()
        named = spec.on(self._context.config.model_name(spec.model))
        return self._summary(client, launch.launch(client, self._context.ledger, named, confirmed=confirmed))

    @rpc()
    def list(self) -> Summaries:
        """List the provider's jobs, newest first."""
        client = self._context.client()
        return [self._summary(client, job) for job in client.jobs(limit=100)]

    @rpc()
    def show(self, id: str) -> JobDetail:  # noqa: A002 - the name on the wire
        """Describe one job: its curve, samples, checkpoints and options."""
        from pen_backend.jobs import watch
        from pen_backend.records import HYPERPARAMETERS

        client = self._context.client()
        job, events = client.job(id), client.events(id)
        notes = [seen for event in events if isinstance(seen := watch.read_event(event), watch.Note)]
        entry = self._context.ledger.find(id)
        options = {**((job.get("method") or {}).get("supervised") or {}).get("hyperparameters", {}),
                   **(job.get("pen") or {})}
        summary = self._summary(client, job, events)
        return JobDetail(
            **{each.name: getattr(summary, each.name) for each in fields(JobSummary)},
            plan=entry.plan if entry else None,
            curve=[CurvePoint(point.step, point.loss, point.valid_loss) for point in watch.curve(events)],
            samples=[_sample(note) for note in notes if note.what == "sample"],
            checkpoints=[_checkpoint(each) for each in client.checkpoints(id)],
            hyperparameters=[Option(name, str(value)) for name, value in options.items()
                             if name in HYPERPARAMETERS and value is not None],
            trained_tokens=job.get("trained_tokens"),
            finished_at=job.get("finished_at"),
        )

    @rpc()
    def cancel(self, id: str) -> JobSummary:  # noqa: A002 - the name on the wire
        """Cancel a job; what it has published stays usable."""
        client = self._context.client()
        return self._summary(client, client.cancel_job(id))

    @rpc()
    def pause(self, id: str) -> JobSummary:  # noqa: A002 - the name on the wire
        """Pause a job after the step in flight; nothing that was trained is lost."""
        client = self._context.client()
        return self._summary(client, client.pause_job(id))

    @rpc()
    def resume(self, id: str) -> JobSummary:  # noqa: A002 - the name on the wire
        """Let a paused job go on from where it was."""
        client = self._context.client()
        return self._summary(client, client.resume_job(id))

    @rpc(stream=True)
    def watch(self, id: str, after: int | None = None, *, events: Events) -> JobSummary:  # noqa: A002 - as above
        """Follow a job until it ends: progress by step, samples, checkpoints and messages, then its summary.

        Steps up to AFTER are left out. Cancelling ends the watching, never the job.
        """
        from pen_backend.jobs import watch

        stop = threading.Event()
        events.on_cancel(stop.set)
        client = self._context.client()
        following = watch.follow(client, id, after=after, stop=stop, reconnect=self._context.client)
        while True:
            try:
                seen = next(following)
            except StopIteration as ended:
                return self._summary(self._context.client(), ended.value)
            if isinstance(seen, watch.Progress):
                _send_progress(events, seen)
            else:
                _send_note(events, seen)

    def _summary(self, client: "Client", job: Mapping[str, Any],
                 events: Sequence[Mapping[str, Any]] | None = None) -> JobSummary:
        from pen_backend.jobs import watch

        if events is None:
            # A hosted list would cost one call a job, for figures of jobs that ended long ago.
            worth = job["status"] == "running" or (client.local and job["status"] not in ("validating_files", "queued"))
            events = client.events(job["id"], limit=RECENT) if worth else []
        points = watch.curve(events)
        last = points[-1] if points else None
        self._context.ledger.saw(job, last.tokens_per_second if last else None)
        valid = next((point.valid_loss for point in reversed(points) if point.valid_loss is not None), None)
        error = job.get("error") or {}
        pen = job.get("pen") or {}
        return JobSummary(
            id=job["id"], status=job["status"], model=job["model"], fine_tuned_model=job.get("fine_tuned_model"),
            prompt=(job.get("metadata") or {}).get("pen.prompt"), created_at=int(job["created_at"]),
            step=last.step if last else None,
            total_steps=(last.steps if last else None) or pen.get("total_steps"),
            train_loss=last.loss if last else None, valid_loss=valid,
            tokens_per_second=last.tokens_per_second if last else None,
            eta_seconds=watch.seconds_left(points[0], points[-1]) if points and job["status"] == "running" else None,
            error=error.get("message") or None, want=pen.get("want"), attempt=pen.get("attempt"),
            interruption=pen.get("interruption"),
        )


def _checkpoint(checkpoint: Mapping[str, Any]) -> Checkpoint:
    metrics = checkpoint.get("metrics") or {}
    return Checkpoint(step=int(checkpoint.get("step_number") or metrics.get("step") or 0),
                      model=str(checkpoint["fine_tuned_model_checkpoint"]), train_loss=metrics.get("train_loss"),
                      valid_loss=metrics.get("full_valid_loss", metrics.get("valid_loss")))


def _sample(note: "Note") -> Sample:
    data = note.data or {}
    return Sample(step=int(data.get("step") or 0), prompt=str(data.get("prompt") or ""), completion=note.text)


def _send_progress(events: Events, seen: "Progress") -> None:
    events.send("progress", step=seen.step, steps=seen.steps, epoch=seen.epoch, loss=seen.loss,
                valid_loss=seen.valid_loss, learning_rate=seen.learning_rate,
                tokens_per_second=seen.tokens_per_second, eta=seen.eta)


def _send_note(events: Events, seen: "Note") -> None:
    level = {"warn": "warning"}.get(seen.level, seen.level)
    events.send("log", what=seen.what, level=level, text=seen.text, data=dict(seen.data) if seen.data else None)

"""Fine-tuning jobs: launch, list, show, watch, sample, pause, resume, cancel."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pen_backend.service.context import Context
from pen_backend.service.registry import AnyFloat, Events, rpc
from pen_backend.service.summaries import JobSummary, Summaries
from pen_backend.service.trainings import flow

__all__ = ["JobDetail", "JobSummary", "Jobs"]

if TYPE_CHECKING:
    from pen_backend.client import Client
    from pen_backend.jobs.spec import JobSpec
    from pen_backend.jobs.watch import Note, Progress
    from pen_backend.prices import Price

    Points = list[Progress]

LISTED = 200
LOCAL_SECONDS, HOSTED_SECONDS = 1.0, 15.0  # between two looks at all jobs


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The losses of one step, and how many tokens had been trained on by then."""

    step: int
    train_loss: AnyFloat | None
    valid_loss: AnyFloat | None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model wrote while it was trained."""

    step: int
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence about a job, and how grave it is."""

    level: str
    text: str


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
    """A job with its curve, its options, and, newest first, samples, checkpoints and messages.

    `event` is the id of the newest event all this is from. `cost` is that of the tokens trained on so far, in
    `currency`; None if nobody has written the price down.
    """

    plan: str | None = None
    curve: list[CurvePoint] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    hyperparameters: list[Option] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    trained_tokens: int | None = None
    finished_at: int | None = None
    event: str | None = None
    cost: float | None = None
    currency: str | None = None


Listed = list[JobSummary]
Samples = list[Sample]
Betas = list[float]
NO_BETAS: Betas = []
Prompts = list[str]
NO_PROMPTS: Prompts = []


class Jobs:
    """The jobs of the configured provider."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context
        self._summaries = Summaries()

    @rpc()
    def launch(self, plan: str, model: str | None = None, n_epochs: int | None = None, batch_size: int | None = None,
               learning_rate_multiplier: float | None = None, learning_rate: float | None = None,
               seed: int | None = None, tune: Literal["auto", "lora", "full"] | None = None,
               snapshots_every: int | None = None, completions_every: int | None = None,
               num_completions: int | None = None, eval_every: int | None = None, suffix: str | None = None,
               checkpoint_seconds: float | None = None, valid: Path | None = None,
               prompt_loss_weight: float | None = None, packing: Literal["examples", "window"] | None = None,
               max_tokens: int | None = None, overlong: Literal["error", "drop", "truncate"] | None = None,
               schedule: Literal["cosine", "linear", "constant"] | None = None, early_stopping: int | None = None,
               classification: Literal["auto", "off"] | None = None, n_classes: int | None = None,
               positive_class: str | None = None, betas: Betas = NO_BETAS,
               results: Literal["openai", "classic"] | None = None, eval_batch_size: int | None = None,
               completion_max_tokens: int | None = None, completion_prompts: Prompts = NO_PROMPTS,
               beta: float | None = None, confirmed: bool = False) -> JobSummary:
        """Launch a job on exactly the training set that was built; options not given are the plan's.

        PLAN is a build's id or directory, or a training file FILE.jsonl that no definition has built. VALID is a file
        to validate on, instead of what a build holds out. Classes are counted by CLASSIFICATION auto, or described by
        N_CLASSES, or by POSITIVE_CLASS and BETAS.
        """
        from pen_backend.jobs import options, spec

        overrides = {
            "model": model, "n_epochs": n_epochs, "batch_size": batch_size, "learning_rate": learning_rate,
            "learning_rate_multiplier": learning_rate_multiplier, "seed": seed, "tune": tune, "suffix": suffix,
            "snapshots_every": snapshots_every, "completions_every": completions_every, "eval_every": eval_every,
            "num_completions": num_completions, "checkpoint_seconds": checkpoint_seconds,
            "prompt_loss_weight": prompt_loss_weight, "packing": packing, "max_tokens": max_tokens,
            "overlong": overlong, "schedule": schedule, "early_stopping": early_stopping, "results": results,
            "classification": options.classification(classification, n_classes, positive_class, betas),
            "eval_batch_size": eval_batch_size, "completion_max_tokens": completion_max_tokens,
            "completion_prompts": completion_prompts or None, "beta": beta,
        }
        options.check_given(overrides)
        default = self._context.config.model
        job_spec = spec.from_files(Path(plan), valid, default_model=default, overrides=overrides) \
            if plan.endswith(".jsonl") else \
            spec.from_plan(self._context.find_plan(plan), valid=valid, default_model=default, overrides=overrides)
        return self.launch_spec(job_spec, confirmed=confirmed)

    def launch_spec(self, spec: "JobSpec", *, confirmed: bool) -> JobSummary:
        """Launch a job that is described whole; its model may be another name of one."""
        from pen_backend.jobs import launch

        client = self._context.client()
        named = spec.on(self._context.config.model_name(spec.model))
        return self._summary(client, launch.launch(client, self._context.ledger, named, confirmed=confirmed))

    @rpc()
    def list(self) -> Listed:
        """List the provider's jobs, newest first."""
        client = self._context.client()
        return [self._summary(client, job) for job in client.jobs(limit=LISTED)]

    @rpc()
    def show(self, id: str) -> JobDetail:  # noqa: A002 - the name on the wire
        """Describe one job: its curve, samples, checkpoints and options."""
        from pen_backend.jobs import watch
        from pen_backend.records import HYPERPARAMETERS

        client = self._context.client()
        job, events = client.job(id), client.events(id)
        notes = [seen for event in events if isinstance(seen := watch.read_event(event), watch.Note)]
        curve = watch.curve(events)
        entry = self._context.ledger.find(id)
        options = {**((job.get("method") or {}).get("supervised") or {}).get("hyperparameters", {}),
                   **(job.get("pen") or {})}
        summary = self._summary(client, job, curve)
        trained = job.get("trained_tokens") or (curve[-1].tokens if curve else None)
        price = self._price(client, summary.model)
        return JobDetail(
            **{each.name: getattr(summary, each.name) for each in fields(JobSummary)},
            plan=entry.plan if entry else None,
            curve=[CurvePoint(point.step, point.loss, point.valid_loss, point.tokens) for point in curve],
            samples=[_sample(note) for note in notes if note.what == "sample"],
            checkpoints=[_checkpoint(each) for each in client.checkpoints(id)],
            hyperparameters=[Option(name, _written(value)) for name, value in options.items()
                             if name in HYPERPARAMETERS and value is not None],
            messages=[Message(note.level, note.text) for note in notes if note.what in ("text", "warning")],
            trained_tokens=trained,
            finished_at=job.get("finished_at"),
            event=events[0]["id"] if events else None,
            cost=None if price is None or price.train is None else float(price.train) * (trained or 0) / 1e6,
            currency=price.currency if price else None,
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
    def watch(self, id: str, after: int | None = None, since: str | None = None, *,  # noqa: A002 - as above
              events: Events) -> JobSummary:
        """Follow a job until it ends: progress by step, samples, checkpoints and messages, then its summary.

        Steps up to AFTER are left out, and what came up to the provider's event SINCE; each event tells its own as
        `event`. Cancelling ends the watching, never the job.
        """
        from pen_backend.jobs import watch

        stop = threading.Event()
        events.on_cancel(stop.set)
        client = self._context.client()
        following = watch.follow(client, id, after=after, since=since, stop=stop, reconnect=self._context.client)
        points: Points = []
        while True:
            try:
                seen = next(following)
            except StopIteration as ended:
                return self._summary(self._context.client(), ended.value, None if after or since else points)
            if isinstance(seen, watch.Progress):
                points.append(seen)
                _send_progress(events, seen)
            else:
                _send_note(events, seen)

    @rpc(stream=True)
    def watch_all(self, *, events: Events) -> Listed:
        """Follow all jobs as long as one of them may still change: each as a log event's datum `job` when it did.

        Paused jobs are not waited for. Cancelling ends the watching, never a job.
        """
        from pen_backend.jobs.ledger import OPEN

        stop = threading.Event()
        events.on_cancel(stop.set)
        sent: dict[str, JobSummary] = {}
        while True:
            client = self._context.client()
            jobs = [self._summary(client, job) for job in client.jobs(limit=LISTED)]
            for job in jobs:  # the newest first, as a list shows them
                if sent.get(job.id) != job:
                    sent[job.id] = job
                    events.send("log", what="text", level="info", text=job.status, data={"job": job})
            changing = any(job.status in OPEN and job.status != "paused" for job in jobs)
            if not changing or stop.wait(LOCAL_SECONDS if client.local else HOSTED_SECONDS):
                return jobs

    @rpc()
    def sample(self, id: str, n: int = 1, project: Path | None = None) -> Samples:  # noqa: A002 - as above
        """Let a job's newest checkpoint write now, N times, after the prompts of its newest samples.

        Of a job without samples, after those of rows that it is not trained on, else of rows that it is.
        """
        from pen_backend.service import sampling

        client = self._context.client()
        return [Sample(one.step, one.prompt, one.completion)
                for one in sampling.sample(self._context, client, id, n, max_tokens=self._context.config.max_tokens,
                                           project=project)]

    def _price(self, client: "Client", model: str) -> "Price | None":
        from pen_backend import prices

        return prices.local(model) if client.local else self._context.prices.find(model)

    def _summary(self, client: "Client", job: Mapping[str, Any], points: "Sequence[Progress] | None" = None
                 ) -> JobSummary:
        return self._summaries.of(client, self._context.ledger, job, points=points)


def _written(value: object) -> str:
    """Write the value of an option; of one that has parts, those that are set."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {flow(part)}" for name, part in value.items() if part is not None)
    return str(value)


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
                tokens_per_second=seen.tokens_per_second, eta=seen.eta, tokens=seen.tokens, event=seen.event)


def _send_note(events: Events, seen: "Note") -> None:
    level = {"warn": "warning"}.get(seen.level, seen.level)
    events.send("log", what=seen.what, level=level, text=seen.text, data=dict(seen.data) if seen.data else None,
                event=seen.event)

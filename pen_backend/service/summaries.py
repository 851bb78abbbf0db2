"""How jobs stand, each in one record; a job's events are fetched once, and those of a job that ended not again."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pen_backend.service.registry import AnyFloat

if TYPE_CHECKING:
    from pen_backend.client import Client
    from pen_backend.jobs.ledger import Ledger
    from pen_backend.jobs.watch import Progress

LOSSES = 24  # of a summary: as many as a line of text has room for
RECENT = 40  # steps by which the time left is estimated: those before a pause tell nothing
WAITING = ("validating_files", "queued")


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One job as it stands; figures not measured yet are None.

    `want` is what was asked of the job and may not have happened yet: run, pause or cancel. `interruption` says how its
    trainer died last, if it did; `attempt` counts from 1. All three only the local engine knows. `losses` are those of
    some training steps, evenly spread from the first to the newest.
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
    losses: list[AnyFloat] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Say whether nothing about the job changes any more."""
        from pen_backend.jobs.ledger import ENDED

        return self.status in ENDED


class Summaries:
    """Makes summaries, and remembers what it has read for them; from any thread."""

    def __init__(self) -> None:
        self._ended: dict[str, JobSummary] = {}
        self._curves: dict[str, tuple[str, list[Progress]]] = {}  # the newest event's id, and the steps up to it

    def of(self, client: "Client", ledger: "Ledger", job: Mapping[str, Any], *,
           points: "Sequence[Progress] | None" = None) -> JobSummary:
        """Summarise a provider's JOB; POINTS are its steps, for somebody who has them."""
        remembered = self._ended.get(job["id"])
        if points is None and remembered is not None and remembered.status == job["status"]:
            return remembered
        points = self._points(client, job) if points is None else points
        summary = _summary(job, points)
        loss = summary.train_loss if summary.valid_loss is None else summary.valid_loss
        ledger.saw(job, points[-1].tokens_per_second if points else None, loss)
        if summary.ended:
            self._ended[summary.id] = summary
            self._curves.pop(summary.id, None)
        return summary

    def _points(self, client: "Client", job: Mapping[str, Any]) -> "list[Progress]":
        """Return a job's steps, asking for no more events than are new."""
        from pen_backend.jobs import watch
        from pen_backend.jobs.ledger import ENDED

        ended = job["status"] in ENDED
        if job["status"] in WAITING or (ended and not client.local):
            return []  # a hosted list would cost one call a job, for figures of jobs that ended long ago
        newest, before = self._curves.get(job["id"], ("", []))
        if ended and not newest and job.get("result_files"):
            return _from_table(client.file_content(job["result_files"][0]), job)
        events = client.events(job["id"], until={newest})
        points = sorted([*before, *watch.curve(events)], key=lambda point: point.step)
        self._curves[job["id"]] = (events[0]["id"] if events else newest, points)
        return points


def _from_table(table: bytes, job: Mapping[str, Any]) -> "list[Progress]":
    """Read the steps of a job's result table: one request where its events would be one for a hundred steps."""
    from pen_backend.jobs.watch import Progress

    total = (job.get("pen") or {}).get("total_steps")
    return [Progress(int(row["step"]), total, loss=_number(row.get("train_loss")),
                     valid_loss=_number(row.get("valid_loss")))
            for row in csv.DictReader(io.StringIO(table.decode()))]


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def _summary(job: Mapping[str, Any], points: "Sequence[Progress]") -> JobSummary:
    from pen_backend.jobs import watch

    last = points[-1] if points else None
    error, pen = job.get("error") or {}, job.get("pen") or {}
    summary = JobSummary(
        id=job["id"], status=job["status"], model=job["model"], fine_tuned_model=job.get("fine_tuned_model"),
        prompt=(job.get("metadata") or {}).get("pen.prompt"), created_at=int(job["created_at"]),
        total_steps=(last.steps if last else None) or pen.get("total_steps"), error=error.get("message") or None,
        want=pen.get("want"), attempt=pen.get("attempt"), interruption=pen.get("interruption"))
    if last is None:
        return summary
    return replace(
        summary, step=last.step, train_loss=last.loss, tokens_per_second=last.tokens_per_second,
        valid_loss=next((point.valid_loss for point in reversed(points) if point.valid_loss is not None), None),
        eta_seconds=watch.seconds_left(points[-RECENT:][0], last) if job["status"] == "running" else None,
        losses=_spread([point.loss for point in points if point.loss is not None]))


def _spread(losses: list[float]) -> list[float]:
    """Choose at most LOSSES of them, the first and the last among them."""
    if len(losses) <= LOSSES:
        return losses
    return [losses[index * (len(losses) - 1) // (LOSSES - 1)] for index in range(LOSSES)]

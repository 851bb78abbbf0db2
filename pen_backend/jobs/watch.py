"""Follow a job: polled events become progress and notes, each once and in order, until the job ends."""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pen_backend.client import Client
from pen_backend.errors import DeadlineError, UpstreamError
from pen_backend.jobs.ledger import ENDED, OPEN

LOCAL_SECONDS, HOSTED_SECONDS = 0.5, 5.0  # between two looks
RECONNECTS = 3                            # in a row


@dataclass(frozen=True, slots=True)
class Progress:
    """One step's figures; what was not measured is None.

    TOKENS were trained on so far; AT is seconds since 1970; EVENT is the provider's id of what told it.
    """

    step: int
    steps: int | None = None
    epoch: float | None = None
    loss: float | None = None
    valid_loss: float | None = None
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    eta: float | None = None
    at: float = 0.0
    tokens: int | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something to read: `what` is text, sample, checkpoint or warning; `event` is the provider's id."""

    what: str
    text: str
    level: str = "info"
    data: Mapping[str, Any] | None = None
    event: str | None = None


def follow(client: Client, job: str, *, after: int | None = None, since: str | None = None,
           stop: threading.Event | None = None, poll: float | None = None,
           reconnect: Callable[[], Client] | None = None) -> Generator[Progress | Note, None, dict[str, Any]]:
    """Yield what happens to JOB and return the provider's object when it has ended, or when STOP is set.

    AFTER leaves out what belongs to that step and earlier ones, SINCE the event of that id and earlier ones, for
    somebody who has seen them. RECONNECT finds the provider again after a failure: a local engine that died is started
    anew and adopts its trainers. UpstreamError if the job stands in a way from which nobody knows whether it will end.
    """
    stop = stop or threading.Event()
    seconds = poll if poll is not None else LOCAL_SECONDS if client.local else HOSTED_SECONDS
    known: set[str] = {since} if since else set()
    first: Progress | None = None
    failures = 0
    while True:
        try:
            # The job first: once it has ended, the events asked for afterwards are all there are.
            state = client.job(job)
            events = client.events(job, until=known)
        except (UpstreamError, DeadlineError):
            failures += 1
            if reconnect is None or failures > RECONNECTS or stop.is_set():
                raise
            client = reconnect()
            continue
        failures = 0
        for event in reversed(events):
            known.add(event["id"])
            seen = read_event(event)
            if seen is None or (after is not None and _step(event) <= after):
                continue
            if isinstance(seen, Progress):
                first = first or seen
                seen = replace(seen, eta=seconds_left(first, seen))
            yield replace(seen, event=event["id"])
        status = str(state["status"])
        if status in ENDED:
            return state
        if status not in OPEN:
            raise UpstreamError(f"The provider says that job {job} is '{status[:40]}', which pen does not know.",
                                hint=f"`pen jobs show {job}` says how it stands; what it has published stays usable.")
        if stop.wait(seconds):
            return state


def read_event(event: Mapping[str, Any]) -> Progress | Note | None:
    """Turn a provider's event into progress or a note; None if it says nothing."""
    data = event.get("data") if isinstance(event.get("data"), Mapping) else {}
    message, level = str(event.get("message") or ""), str(event.get("level") or "info")
    assert isinstance(data, Mapping)  # noqa: S101 - for the type checker
    kind, step = data.get("kind"), _int(data.get("step"))
    if step is not None and (kind == "metrics" or event.get("type") == "metrics"):
        return Progress(
            step=step, steps=_int(data.get("total_steps")), epoch=_float(data.get("epoch")),
            loss=_float(data.get("train_loss")),
            valid_loss=_float(data.get("full_valid_loss", data.get("valid_loss"))),
            learning_rate=_float(data.get("learning_rate")),
            tokens_per_second=_float(data.get("tokens_per_second")), at=_float(event.get("created_at")) or 0.0,
            tokens=_int(data.get("elapsed_tokens")))
    if kind == "sample":
        return Note("sample", str(data.get("completion") or ""), level, dict(data))
    if kind == "checkpoint":
        return Note("checkpoint", message, level, dict(data))
    if kind == "warning" or level in ("warn", "warning", "error"):
        return Note("warning", message, level, dict(data) or None)
    return Note("text", message, level, dict(data) or None) if message else None


def curve(events: Iterable[Mapping[str, Any]]) -> list[Progress]:
    """Return the measured steps of a job's events, in order."""
    points = [seen for event in events if isinstance(seen := read_event(event), Progress)]
    return sorted(points, key=lambda point: point.step)


def seconds_left(first: Progress, last: Progress) -> float | None:
    """Estimate how long the steps after LAST take, from those between FIRST and LAST."""
    seconds, steps = last.at - first.at, last.step - first.step
    if last.steps is None or seconds <= 0 or steps <= 0:
        return None
    return max(0.0, (last.steps - last.step) * seconds / steps)


def _step(event: Mapping[str, Any]) -> float:
    data = event.get("data")
    step = data.get("step") if isinstance(data, Mapping) else None
    return float(step) if isinstance(step, int | float) else float("inf")


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _int(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

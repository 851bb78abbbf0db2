"""What a job's newest checkpoint writes now, after a prompt that its samples or its training set have."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pen_backend.errors import BadParamsError, DataError, NotFoundError, PenError
from pen_backend.service.context import Context
from pen_backend.service.library import Library

if TYPE_CHECKING:
    from pen_backend.client import Client

MOST = 16            # samples of one call
TEMPERATURE = 0.8    # where the definition names none


@dataclass(frozen=True, slots=True)
class Written:
    """One text: after which step's checkpoint, after which prompt."""

    step: int
    prompt: str
    completion: str


def sample(context: Context, client: "Client", job: str, count: int, *, max_tokens: int,
           project: Path | None = None) -> list[Written]:
    """Return COUNT texts of the newest checkpoint of JOB; NotFoundError if there is none yet."""
    if not 1 <= count <= MOST:
        raise BadParamsError(f"A job writes 1 to {MOST} samples at once, not {count}.")
    checkpoints = client.checkpoints(job)
    if not checkpoints:
        raise NotFoundError(f"Job {job} has no checkpoint yet that could write.",
                            hint="Wait for the first; with --snapshots-every there are some before the end.")
    newest = max(checkpoints, key=lambda each: int(each.get("step_number") or 0))
    prompts = _sampled(client, job) or _given(context, job)
    if not prompts:
        raise NotFoundError(f"Job {job} has no samples, and its training set is not here any more.",
                            hint="Ask its model by a prompt definition.")
    entry = context.ledger.find(job)
    body = {"model": newest["fine_tuned_model_checkpoint"], "max_tokens": max_tokens, "temperature": TEMPERATURE,
            **_manner(context.library(project), entry.prompt if entry else None)}
    step = int(newest.get("step_number") or 0)
    asked = [prompts[index % len(prompts)] for index in range(count)]
    return [Written(step, prompt, client.complete({**body, "prompt": prompt}).choices[0].text) for prompt in asked]


def _sampled(client: "Client", job: str) -> list[str]:
    """List the prompts of a job's newest samples."""
    from pen_backend.jobs import watch

    notes = [seen for event in client.events(job) if isinstance(seen := watch.read_event(event), watch.Note)]
    data = [note.data for note in notes if note.what == "sample" and note.data]
    return list(dict.fromkeys(str(one.get("prompt") or "") for one in reversed(data)
                              if one.get("step") == data[0].get("step")))


def _given(context: Context, job: str) -> list[str]:
    """List the prompts of some rows of the training set of a job launched from here, held out ones if there are any."""
    from pen_backend.records import read_lines

    entry = context.ledger.find(job)
    for name in ("valid.jsonl", "train.jsonl") if entry and entry.plan else ():
        path = Path(str(entry.plan if entry else "")) / name
        with contextlib.suppress(OSError, DataError), path.open("rb") as stream:
            rows = [row[2].segments for row, _ in zip(read_lines(stream, source=name), range(MOST), strict=False)
                    if isinstance(row, tuple)]
            if rows:
                return ["".join(segment.text for segment in segments[:-1]) for segments in rows]
    return []


def _manner(library: Library, prompt: str | None) -> Mapping[str, Any]:
    """Return how the definition PROMPT has its model write, as far as it is still there."""
    from pen_backend.prompts import template

    try:
        definition = library.prompt(prompt or "")
    except PenError:
        return {}
    stops = list(template.stops(definition)[:template.SENT_STOPS])
    longest = None if isinstance(definition.max_tokens, str) else definition.max_tokens  # a text is for its values
    given = {"max_tokens": longest, "temperature": definition.temperature, "stop": stops or None}
    return {key: value for key, value in given.items() if value is not None}

"""Start a job: refuse what the provider cannot do, upload the files, create it once, remember it."""

import contextlib
import uuid
from pathlib import Path
from typing import Any

from pen_backend.client import Client
from pen_backend.errors import DataError, RefusedError
from pen_backend.jobs.ledger import Entry, Ledger
from pen_backend.jobs.spec import JobSpec
from pen_backend.records import Example, read_lines

HOSTED_DIALECTS = ("chat", "preference")


def launch(client: Client, ledger: Ledger, spec: JobSpec, *, confirmed: bool = False,
           key: str | None = None) -> dict[str, Any]:
    """Launch SPEC and return the provider's job; KEY names the launch, so that a repetition is not a second job."""
    if not client.local:
        refuse_hosted(spec, client.host, confirmed=confirmed)
    training_file = _uploaded(client, spec.train)
    validation_file = None if spec.valid is None else _uploaded(client, spec.valid)
    job = client.create_job(spec.request(training_file, validation_file, local=client.local), key or uuid.uuid4().hex)
    entry = Entry(
        job=job["id"], provider=client.host if not client.local else "local", model=spec.model, prompt=spec.prompt,
        plan=str(spec.plan) if spec.plan else None, created_at=int(job["created_at"]), status=job["status"],
        fine_tuned_model=job.get("fine_tuned_model"), finished_at=job.get("finished_at"))
    with contextlib.suppress(OSError):  # the job runs, and its metadata says the same; a full disk must not hide it
        ledger.remember(entry)
    return job


def _uploaded(client: Client, file: Path | str) -> str:
    """Upload a file and return its id; a text is one already."""
    if isinstance(file, str):
        return file
    with file.open("rb") as stream:
        return client.upload(file.name, stream)


def refuse_hosted(spec: JobSpec, host: str, *, confirmed: bool) -> None:
    """Refuse, before anything is uploaded, what hosted OpenAI cannot train, and anything nobody said yes to."""
    if isinstance(spec.train, Path):  # an uploaded file's lines were judged by the provider
        _refuse_lines(spec.train)
    if not confirmed:
        own = ", ".join(sorted(spec.own_options))
        raise RefusedError(f"Launching sends the training set to {host}." + (f" Ignored there: {own}." if own else ""),
                           hint="Confirm the launch, or use the local engine.")


def _refuse_lines(train: Path) -> None:
    """Refuse lines that hosted OpenAI does not train."""
    examples = fractional = foreign = 0
    first = first_foreign = ""
    with train.open("rb") as stream:
        for row in read_lines(stream, source=train.name):
            if not isinstance(row, tuple):
                raise DataError(row.message, where=row.where, hint=row.hint, findings=[row])
            line, dialect, example = row
            examples += 1
            weight = _fractional(example)
            if weight is not None:
                fractional += 1
                first = first or f"{train.name}:{line}, {weight:g}"
            if dialect not in HOSTED_DIALECTS:
                foreign += 1
                first_foreign = first_foreign or f"{train.name}:{line}, {dialect}"
    if fractional:
        raise DataError(
            f"hosted-limit: {fractional:,} of {examples:,} examples have loss weights other than 0 and 1 "
            f"(first: {first}). OpenAI trains whole messages or not at all.",
            hint="Use the local engine, or set lossy: zero-one to train weights >= 0.5 fully and the rest not.")
    if foreign:
        raise DataError(f"hosted-limit: {foreign:,} of {examples:,} examples are no chats (first: {first_foreign}). "
                        "OpenAI trains chat messages only.",
                        hint="Use the local engine, or build with output: {format: chat}.")


def _fractional(example: Example) -> float | None:
    return next((segment.weight for segment in example.segments if segment.weight not in (0.0, 1.0)), None)

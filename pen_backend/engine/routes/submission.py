"""POST /v1/fine_tuning/jobs: a job is created once, also when the request is sent again with its Idempotency-Key."""

import secrets
import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.spec import missing_space, resolve
from pen_backend.engine.routes.http import Engine, answer, engine_of, in_thread, query, read_body, require_type
from pen_backend.engine.scheduler import start_from
from pen_backend.engine.store import find_file
from pen_backend.engine.store.idempotency import Answered, find_answer, keep_answer
from pen_backend.engine.wire.body import BODY_LIMIT, parse
from pen_backend.engine.wire.errors import ApiError, invalid_value, no_space, unknown_model, unsupported_parameter
from pen_backend.engine.wire.jobs import Creation, read_creation
from pen_backend.errors import DataError
from pen_backend.records import DIALECTS

KEY_LIMIT = 255
TRAINED_DIALECTS = {"supervised": tuple(each for each in DIALECTS if each != "preference"), "dpo": ("preference",)}
INSTEAD = {"supervised": "write messages, prompt and completion, data, or text_list lines, or use 'dpo'",
           "dpo": "write input, preferred_output and non_preferred_output, or use 'supervised'"}


async def create(request: Request) -> Response:
    """Create a job; when this answers, the job is durable and will reach an end."""
    query(request)
    require_type(request, "application/json")
    body = await read_body(request, BODY_LIMIT)
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= KEY_LIMIT:
        raise invalid_value("Idempotency-Key", f"'Idempotency-Key' must have 1 to {KEY_LIMIT} characters.")
    engine = engine_of(request)
    text = await in_thread(_submit, engine, body, key)
    engine.scheduler.wake()
    return Response(text, media_type="application/json")


def _submit(engine: Engine, body: bytes, key: str | None) -> str:
    """Create the job and keep its answer in one transaction, or find the answer it was given before."""
    def earlier(connection: sqlite3.Connection) -> str | None:
        found = None if key is None else find_answer(connection, key, body)
        return None if found is None else _again(found)

    if (text := engine.store.read(earlier)) is not None:  # even if its file or model is gone by now
        return text
    row = _row(engine, read_creation(parse(body)))

    def submit(connection: sqlite3.Connection) -> str:
        if (text := earlier(connection)) is not None:
            return text
        for param in ("training_file", "validation_file"):  # either may have been deleted since it was looked at
            if (file := row[param.removesuffix("_file")]) is not None:
                _find(connection, param, file["id"])
        job = state.insert(connection, **row)
        created = answer(state.as_object(job, queue_position=state.queue_position(connection, job)))
        text = bytes(created.body).decode()
        if key is not None:
            keep_answer(connection, key, body, created.status_code, text)
        return text

    return engine.store.transact(submit)


def _again(found: Answered) -> str:
    if not found.same_body:
        raise ApiError(409, "idempotency_conflict", "This 'Idempotency-Key' was sent with another body; use a new key "
                                                    "for another job.", param="Idempotency-Key")
    return found.answer


def _row(engine: Engine, creation: Creation) -> dict[str, Any]:
    """Check a creation against the files, the model and the disk; return what its job is made of."""
    request = creation.request
    model = engine.models.find(request.model)
    if model is None:
        raise unknown_model(request.model, [each.id for each in engine.models.all()])
    training = _file(engine, "training_file", request.training_file, creation.method)
    validation = None if request.validation_file is None else _file(
        engine, "validation_file", request.validation_file, creation.method)
    try:
        start = start_from(model)
    except DataError as error:
        raise invalid_value("model", str(error)) from error
    if creation.options.tune == "full" and start.adapter is not None:
        raise invalid_value("pen.tune", f"'{model.id}' is a LoRA model; it is continued with 'tune: lora'.")
    if creation.options.max_tokens is not None and creation.options.max_tokens > start.context_length:
        raise invalid_value("pen.max_tokens", f"'max_tokens' is {creation.options.max_tokens}; the model's context is "
                                              f"{start.context_length} tokens.")
    hyperparameters, options = resolve(start, creation.options.model_dump(), creation.hyperparameters.model_dump(),
                                       examples=int(training["records"] or 0))
    missing = missing_space(start, options, engine.store.disk.free_bytes(engine.store.directory))
    if missing is not None:
        raise no_space(missing)
    return {
        "model": model.id, "root": model.base, "training": training, "validation": validation,
        "suffix": request.suffix, "seed": secrets.randbelow(1 << 31) if request.seed is None else request.seed,
        "metadata": request.metadata or {}, "hyperparameters": hyperparameters, "options": options}


def _file(engine: Engine, param: str, file_id: str, method: str) -> dict[str, Any]:
    """Find an uploaded file that METHOD can train on."""
    row = engine.store.read(lambda connection: _find(connection, param, file_id))
    if row["purpose"] != "fine-tune":
        raise invalid_value(param, f"'{param}' was uploaded for '{row['purpose']}'; upload it for 'fine-tune'.")
    if row["dialect"] not in TRAINED_DIALECTS[method]:
        raise unsupported_parameter(param, f"'{param}' holds {row['dialect']} lines, which '{method}' does not train; "
                                           f"{INSTEAD[method]}.")
    return dict(row)


def _find(connection: sqlite3.Connection, param: str, file_id: str) -> sqlite3.Row:
    row = find_file(connection, file_id)
    if row is None:
        raise ApiError(400, "invalid_value", f"'{param}' names a file that does not exist.", param=param)
    return row

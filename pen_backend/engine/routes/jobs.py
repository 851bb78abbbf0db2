"""/v1/fine_tuning/jobs: create, list, retrieve, cancel, events, checkpoints."""

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pen_backend.engine.jobs import events, state
from pen_backend.engine.jobs.spec import missing_space, resolve
from pen_backend.engine.jobs.state import Job, no_such_page
from pen_backend.engine.routes.http import Engine, answer, engine_of, in_thread, json_body, limit_of, no_body, query
from pen_backend.engine.scheduler import start_from
from pen_backend.engine.store import find_file
from pen_backend.engine.wire.errors import ApiError, invalid_value, no_space, unknown_model, unsupported_parameter
from pen_backend.engine.wire.jobs import Creation, read_creation
from pen_backend.errors import DataError
from pen_backend.records import DIALECTS

TRAINED_DIALECTS = {"supervised": tuple(each for each in DIALECTS if each != "preference"), "dpo": ("preference",)}
INSTEAD = {"supervised": "write messages, prompt and completion, data, or text_list lines, or use 'dpo'",
           "dpo": "write input, preferred_output and non_preferred_output, or use 'supervised'"}


async def create(request: Request) -> Response:
    """Create a job; when this answers, the job is durable and will reach an end."""
    query(request)
    creation = read_creation(await json_body(request))
    engine = engine_of(request)
    job = await in_thread(_create, engine, creation)
    engine.scheduler.wake()
    return answer(await in_thread(_object, engine, job))


def _create(engine: Engine, creation: Creation) -> Job:
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
    return state.create(
        engine.store, model=model.id, root=model.base, training=training, validation=validation, suffix=request.suffix,
        seed=secrets.randbelow(1 << 31) if request.seed is None else request.seed, metadata=request.metadata or {},
        hyperparameters=hyperparameters, options=options)


def _file(engine: Engine, param: str, file_id: str, method: str) -> dict[str, Any]:
    """Find an uploaded file that METHOD can train on."""
    row = engine.store.read(lambda connection: find_file(connection, file_id))
    if row is None:
        raise ApiError(400, "invalid_value", f"'{param}' names a file that does not exist.", param=param)
    if row["purpose"] != "fine-tune":
        raise invalid_value(param, f"'{param}' was uploaded for '{row['purpose']}'; upload it for 'fine-tune'.")
    if row["dialect"] not in TRAINED_DIALECTS[method]:
        raise unsupported_parameter(param, f"'{param}' holds {row['dialect']} lines, which '{method}' does not train; "
                                           f"{INSTEAD[method]}.")
    return dict(row)


def _object(engine: Engine, job: Job) -> dict[str, Any]:
    position = None
    if job.state in ("validating_files", "queued"):
        waiting = state.in_states(engine.store, "validating_files", "queued")
        position = next((number for number, each in enumerate(waiting, 1) if each.id == job.id), None)
    return state.as_object(job, queue_position=position, progress=engine.scheduler.progress(job.id))


async def list_jobs(request: Request) -> Response:
    """List jobs, newest first."""
    parameters = query(request, "after", "limit", maps=("metadata",))
    engine = engine_of(request)
    metadata = {key[len("metadata["):-1]: value for key, value in parameters.items() if key.startswith("metadata[")}
    limit, after = limit_of(parameters, 20), parameters.get("after")

    def read() -> tuple[list[dict[str, Any]], bool]:
        try:
            found, more = state.page(engine.store, after=after, limit=limit, metadata=metadata)
        except ApiError:
            raise no_such_page(after or "") from None
        return [_object(engine, job) for job in found], more

    found, more = await in_thread(read)
    return answer({"object": "list", "data": found, "has_more": more})


async def retrieve(request: Request) -> Response:
    """Describe one job."""
    query(request)
    engine = engine_of(request)
    job_id = request.path_params["job"]
    return answer(await in_thread(lambda: _object(engine, state.get(engine.store, job_id))))


async def cancel(request: Request) -> Response:
    """Cancel a job at once."""
    query(request)
    await no_body(request)
    engine = engine_of(request)
    job = await in_thread(state.cancel, engine.store, request.path_params["job"])
    engine.scheduler.wake()
    return answer(await in_thread(_object, engine, job))


async def list_events(request: Request) -> Response:
    """List a job's events, newest first."""
    found, more = await _page(request, "events", 20)
    return answer({"object": "list", "data": [events.event_object(row) for row in found], "has_more": more})


async def list_checkpoints(request: Request) -> Response:
    """List a job's public checkpoints, newest first."""
    found, more = await _page(request, "checkpoints", 10)
    data = [events.checkpoint_object(row) for row in found]
    return answer({"object": "list", "data": data, "has_more": more,
                   "first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None})


async def _page(request: Request, table: str, default: int) -> tuple[list[Any], bool]:
    parameters = query(request, "after", "limit")
    engine = engine_of(request)
    job_id, after = request.path_params["job"], parameters.get("after")
    limit = limit_of(parameters, default)

    def read(connection: Any) -> tuple[list[Any], bool]:
        state.fetch(connection, job_id)
        found = events.page(connection, table, job_id, after=after, limit=limit)
        if found is None:
            raise no_such_page(after or "")
        return found

    return await in_thread(engine.store.read, read)

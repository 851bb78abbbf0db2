"""/v1/fine_tuning/jobs: list, retrieve, cancel, pause, resume, events, checkpoints."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pen_backend.engine.jobs import events, state
from pen_backend.engine.jobs.state import Job, no_such_page
from pen_backend.engine.routes.http import Engine, answer, engine_of, in_thread, limit_of, no_body, query
from pen_backend.engine.store.store import Store
from pen_backend.engine.wire.errors import ApiError

PAUSE_SECONDS, PAUSE_LOOK_SECONDS = 2.0, 0.05


def _object(engine: Engine, job: Job) -> dict[str, Any]:
    position = engine.store.read(lambda connection: state.queue_position(connection, job))
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
    engine, job = await _turn(request, state.cancel)
    return answer(await in_thread(_object, engine, job))


async def pause(request: Request) -> Response:
    """Pause a job; wait a little for its checkpoint, else say with `want` what is under way."""
    engine, job = await _turn(request, state.pause)
    deadline = time.monotonic() + PAUSE_SECONDS
    while job.state == "running" and job.want == "pause" and time.monotonic() < deadline:
        await asyncio.sleep(PAUSE_LOOK_SECONDS)
        job = await in_thread(state.get, engine.store, job.id)
    return answer(await in_thread(_object, engine, job))


async def resume(request: Request) -> Response:
    """Let a paused job go on."""
    engine, job = await _turn(request, state.resume)
    return answer(await in_thread(_object, engine, job))


async def _turn(request: Request, ask: Callable[[Store, str], Job]) -> tuple[Engine, Job]:
    """Ask something of the job that a request names, and let the scheduler know."""
    query(request)
    await no_body(request)
    engine = engine_of(request)
    job = await in_thread(ask, engine.store, request.path_params["job"])
    engine.scheduler.wake()
    return engine, job


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

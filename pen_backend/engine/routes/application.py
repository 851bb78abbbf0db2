"""Which path leads to which resource, and how every failure is answered."""

import errno
import logging
import sqlite3
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pen_backend.engine.routes import chat, completions, files, jobs, models, pen, submission
from pen_backend.engine.routes.http import CLIENT_GONE, ClientGone, Engine, Resource, error_response
from pen_backend.engine.wire.errors import ApiError, no_space

FULL = (errno.ENOSPC, errno.EDQUOT)
SERVED = "/v1/models, /v1/files, /v1/fine_tuning/jobs, /v1/completions and /v1/chat/completions"

_JOB = "/v1/fine_tuning/jobs/{job}"
_PATHS: Mapping[str, Resource] = {
    "/v1/models": Resource(get=models.list_models),
    "/v1/models/{model:path}": Resource(get=models.retrieve, delete=models.delete),
    "/v1/files": Resource(get=files.list_files, post=files.upload),
    "/v1/files/{file}": Resource(get=files.retrieve, delete=files.delete),
    "/v1/files/{file}/content": Resource(get=files.content),
    "/v1/fine_tuning/jobs": Resource(get=jobs.list_jobs, post=submission.create),
    _JOB: Resource(get=jobs.retrieve),
    f"{_JOB}/cancel": Resource(post=jobs.cancel),
    f"{_JOB}/pause": Resource(post=jobs.pause),
    f"{_JOB}/resume": Resource(post=jobs.resume),
    f"{_JOB}/events": Resource(get=jobs.list_events),
    f"{_JOB}/checkpoints": Resource(get=jobs.list_checkpoints),
    "/v1/completions": Resource(post=completions.create),
    "/v1/chat/completions": Resource(post=chat.create),
    "/v1/engines/{engine:path}/completions": Resource(post=completions.create_with_engine),
    "/pen/health": Resource(get=pen.health),
    "/pen/status": Resource(get=pen.status),
    "/pen/backup": Resource(get=pen.backup),
    "/pen/stop": Resource(post=pen.stop),
    "/pen/models/{model:path}/tokenizer": Resource(get=models.tokenizer),
    "/pen/models/{model:path}/export": Resource(get=models.export),
}

_log = logging.getLogger(__name__)


def application(engine: Engine) -> Starlette:
    """Build the routes; every answer that is no success has the contract's error body."""
    app = Starlette(routes=[Route(path, resource) for path, resource in _PATHS.items()], exception_handlers={
        ApiError: _refused, 404: _unserved, ClientGone: _gone, ClientDisconnect: _gone,
        OSError: _failed, sqlite3.OperationalError: _failed, Exception: _failed})
    app.router.redirect_slashes = False
    app.state.engine = engine
    return app


async def _refused(_: Request, error: Exception) -> Response:
    return error_response(error if isinstance(error, ApiError) else _bug())


async def _unserved(request: Request, _: Exception) -> Response:
    path = request.url.path if len(request.url.path) <= 80 else request.url.path[:77] + "…"
    return error_response(ApiError(404, "unsupported_endpoint", f"There is no {path} here; served are {SERVED}."))


async def _failed(_: Request, error: Exception) -> Response:
    if getattr(error, "errno", None) in FULL or "disk is full" in str(error):
        return error_response(no_space("The disk is full; make room and try again."))
    _log.error("a request failed", exc_info=error)
    return error_response(_bug())


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


def _bug() -> ApiError:
    return ApiError(500, "internal_error", "The engine failed; its log says more.")

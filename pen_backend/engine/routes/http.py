"""What all routes share: the engine they serve, methods and bodies checked in the order of the contract, pages."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from pen_backend.engine.export import Merger
from pen_backend.engine.models import Models
from pen_backend.engine.scheduler import Scheduler
from pen_backend.engine.store import Store
from pen_backend.engine.wire.body import BODY_LIMIT, parse
from pen_backend.engine.wire.errors import ApiError, invalid_value, too_large, unknown_parameter
from pen_backend.engine.worker import Worker
from pen_backend.secrets import Secret

LIMIT_MOST = 10_000
WAITING_LIMIT = 2000  # completions at a time
CLIENT_GONE = 499

Result = TypeVar("Result")
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Engine:
    """The parts of a running engine, for the routes."""

    store: Store
    models: Models
    scheduler: Scheduler
    worker: Worker
    merger: Merger
    token: Secret
    stop: Callable[[], None]
    started_at: int
    version: str
    ping_seconds: float = 15.0
    waiting_limit: int = WAITING_LIMIT
    draining: bool = False
    requests: int = 0
    using: dict[str, int] = field(default_factory=dict)


def engine_of(request: Request) -> Engine:
    """Return the engine a request is for."""
    engine: Engine = request.app.state.engine
    return engine


class Resource:
    """One path: which methods it knows, and who answers them; every other method is 405."""

    def __init__(self, **handlers: Handler) -> None:
        self._handlers = {method.upper(): handler for method, handler in handlers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as ASGI wants it."""
        request = Request(scope, receive)
        handler = self._handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(sorted(self._handlers))
            raise ApiError(405, "method_not_allowed", f"This path answers {allowed} only.", headers={"Allow": allowed})
        response = await handler(request)
        await response(scope, receive, send)


def answer(body: Mapping[str, Any], status: int = 200) -> JSONResponse:
    """Answer with a JSON body."""
    return JSONResponse(dict(body), status_code=status)


def error_response(error: ApiError) -> Response:
    """Turn an error into its answer."""
    return JSONResponse(error.body, status_code=error.status, headers=error.headers)


async def json_body(request: Request) -> dict[str, Any]:
    """Read the request's JSON object; its type and size are judged before a byte is read."""
    require_type(request, "application/json")
    return parse(await read_body(request, BODY_LIMIT))


def require_type(request: Request, wanted: str) -> None:
    """Refuse a body of another content type."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != wanted:
        raise ApiError(415, "unsupported_media_type", f"The body must be sent as {wanted}.")


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body of at most LIMIT bytes."""
    require_size(request, limit)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise too_large("The body", limit)
    return bytes(data)


def require_size(request: Request, limit: int) -> None:
    """Refuse a body whose declared length is over LIMIT."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large("The body", limit)


async def no_body(request: Request) -> None:
    """Read past the body of an action that takes none; one that is sent must be JSON."""
    data = await read_body(request, BODY_LIMIT)
    if data:
        require_type(request, "application/json")


async def in_thread(function: Callable[..., Result], *arguments: Any, **keywords: Any) -> Result:
    """Run blocking work, the store's above all, beside the event loop."""
    return await asyncio.to_thread(function, *arguments, **keywords)


def query(request: Request, *known: str, maps: tuple[str, ...] = ()) -> dict[str, str]:
    """Read the query's parameters; an unknown one is refused with the nearest name."""
    found = {}
    for key, value in request.query_params.multi_items():
        is_map = key.endswith("]") and key.partition("[")[0] in maps
        if key not in known and not is_map:
            raise unknown_parameter(key, (*known, *maps))
        found[key] = value
    return found


def limit_of(parameters: Mapping[str, str], default: int) -> int:
    """Read `limit`: at least 1, cut at 10,000."""
    text = parameters.get("limit")
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and int(text[:9]) >= 1):
        raise invalid_value("limit", "'limit' must be an integer of at least 1.")
    return min(int(text[:9]), LIMIT_MOST)


class ClientGone(Exception):  # noqa: N818 - not an error of ours: the other side hung up
    """Nobody waits for this answer any more."""


async def unless_gone(request: Request, work: Awaitable[Result]) -> Result:
    """Await WORK, but give it up as soon as the client hangs up. The body must have been read."""
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(_gone(request.receive))
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        for each in (task, watcher):
            each.cancel()
        await asyncio.gather(task, watcher, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()

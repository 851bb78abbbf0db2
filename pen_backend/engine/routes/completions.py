"""POST /v1/completions: whole, or as server-sent events; a client that hangs up stops the generation."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pen_backend.engine.models import Model, facts
from pen_backend.engine.routes.http import (
    ClientGone,
    Engine,
    answer,
    engine_of,
    in_thread,
    json_body,
    query,
    unless_gone,
)
from pen_backend.engine.wire.body import check
from pen_backend.engine.wire.completions import (
    CompletionRequest,
    choice,
    merge_logprobs,
    whole_usage,
    worker_error,
    worker_request,
)
from pen_backend.engine.wire.completions import answer as completion_object
from pen_backend.engine.wire.errors import ApiError, queue_full
from pen_backend.engine.wire.ids import new_id
from pen_backend.engine.worker import Event

WAITING_LIMIT = 2000
PING_SECONDS = 15.0

Events = AsyncGenerator[Event, None]
Chunks = AsyncGenerator[dict[str, Any], None]
Next = asyncio.Future[dict[str, Any]]


async def create(request: Request) -> Response:
    """Continue a text."""
    query(request)
    asked = check(CompletionRequest, await json_body(request))
    engine = engine_of(request)
    if sum(engine.using.values()) >= WAITING_LIMIT:
        raise queue_full(f"{WAITING_LIMIT:,} completions are waiting already.", seconds=5)
    model = await in_thread(engine.models.get, asked.model)
    known = await in_thread(facts, model)
    order = worker_request(asked, bos=known.bos, vocab_size=known.vocab_size)
    events = _events(engine, model, order)
    if not asked.stream:
        return await unless_gone(request, _whole(asked, events))
    chunks = _chunks(asked, events)
    # The first event decides between an error's status and a stream; a queued request becomes a stream of pings.
    first = asyncio.ensure_future(anext(chunks))
    try:
        await unless_gone(request, asyncio.wait((first,), timeout=PING_SECONDS))
        if first.done():
            first.result()
    except BaseException:
        await _leave(first, chunks)
        raise
    return EventStream(request, first, chunks)


@asynccontextmanager
async def _used(engine: Engine, model: Model) -> AsyncIterator[None]:
    """Count a model's open requests; its deletion waits for them."""
    engine.using[model.id] = engine.using.get(model.id, 0) + 1
    try:
        yield
    finally:
        engine.using[model.id] -= 1
        if not engine.using[model.id]:
            del engine.using[model.id]


async def _events(engine: Engine, model: Model, order: dict[str, Any]) -> Events:
    """Yield the worker's events; an error of the worker is raised."""
    reference = {"id": model.id, "path": str(model.path),
                 "adapter": None if model.adapter is None else str(model.adapter)}
    async with _used(engine, model), aclosing(engine.worker.generate(reference, order)) as events:
        async for event in events:
            if event["event"] == "error":
                raise worker_error(event)
            yield event


async def _whole(asked: CompletionRequest, events: Events) -> Response:
    """Collect every choice and answer once."""
    async with aclosing(events):
        return answer(await _collect(asked, events))


async def _collect(asked: CompletionRequest, events: Events) -> dict[str, Any]:
    texts: dict[int, list[str]] = {}
    logprobs: dict[int, list[dict[str, Any]]] = {}
    reasons: dict[int, str] = {}
    usage: dict[str, int] = {}
    async for event in events:
        if event["event"] == "token":
            texts.setdefault(event["index"], []).append(event["text"])
            if event.get("logprobs"):
                logprobs.setdefault(event["index"], []).append(event["logprobs"])
        elif event["event"] == "finish":
            reasons[event["index"]] = event["finish_reason"]
        elif event["event"] == "done":
            usage = event["usage"]
    choices = [choice(index, "".join(texts.get(index, ())), finish_reason=reason,
                      logprobs=None if asked.logprobs is None else merge_logprobs(logprobs.get(index, ())))
               for index, reason in sorted(reasons.items())]
    return completion_object(new_id("cmpl-"), int(time.time()), asked.model, choices, usage)


async def _chunks(asked: CompletionRequest, events: Events) -> Chunks:
    """Turn events into completion objects, one for each piece of text and each end."""
    identifier, created = new_id("cmpl-"), int(time.time())
    with_usage = bool(asked.stream_options and asked.stream_options.include_usage)

    def chunk(*choices: dict[str, Any], usage: dict[str, int] | None = None) -> dict[str, Any]:
        body = completion_object(identifier, created, asked.model, choices)
        return {**body, "usage": None if usage is None else whole_usage(usage)} if with_usage else body

    async with aclosing(events):
        async for event in events:
            if event["event"] == "token":
                yield chunk(choice(event["index"], event["text"], logprobs=event.get("logprobs")))
            elif event["event"] == "finish":
                yield chunk(choice(event["index"], "", finish_reason=event["finish_reason"]))
            elif event["event"] == "done" and with_usage:
                yield chunk(usage=event["usage"])


class EventStream(Response):
    """Server-sent events: one for each chunk, a comment every 15 seconds while nothing comes, [DONE] at the end."""

    def __init__(self, request: Request, first: Next, chunks: Chunks) -> None:
        super().__init__(media_type="text/event-stream", headers={"cache-control": "no-cache"})
        del self.headers["content-length"]
        self._request = request
        self._following = first
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end or the client is gone."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with contextlib.suppress(ClientGone):
            await unless_gone(self._request, self._pump(send))

    async def _pump(self, send: Send) -> None:
        try:
            more = True
            while more:
                data, more = await self._next()
                await send({"type": "http.response.body", "body": data, "more_body": more})
        finally:
            await _leave(self._following, self._chunks)

    async def _next(self) -> tuple[bytes, bool]:
        """Return the next bytes, and whether there are more."""
        done, _ = await asyncio.wait((self._following,), timeout=PING_SECONDS)
        if not done:
            return b": ping\n\n", True
        try:
            chunk = self._following.result()
        except StopAsyncIteration:
            return b"data: [DONE]\n\n", False
        except ApiError as error:
            return b"data: " + orjson.dumps(error.body) + b"\n\n", False
        self._following = asyncio.ensure_future(anext(self._chunks))
        return b"data: " + orjson.dumps(chunk) + b"\n\n", True


async def _leave(following: Next, chunks: Chunks) -> None:
    """Stop asking for more; closing the chunks closes the events, and that cancels the generation."""
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await chunks.aclose()

"""Answers that a model writes: whole, or as server-sent events; a client that hangs up stops the generation."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pen_backend.engine.models import Facts, Model, facts, verify
from pen_backend.engine.routes.http import ClientGone, Engine, answer, engine_of, in_thread, unless_gone
from pen_backend.engine.wire.errors import ApiError, invalid_value, queue_full
from pen_backend.engine.wire.ids import new_id
from pen_backend.engine.wire.sampling import SamplingRequest, whole_usage, worker_error
from pen_backend.engine.worker import Event
from pen_backend.errors import DataError

Body = dict[str, Any]
Events = AsyncGenerator[list[Event], None]  # those together that have come
Chunks = AsyncGenerator[list[Body], None]
Next = asyncio.Future[list[Body]]


class Shape(Protocol):
    """How events become objects of one kind: of a completion, or of a chat."""

    prefix: str

    def body(self, identifier: str, created: int, model: str, choices: Sequence[Mapping[str, Any]], *,
             streamed: bool) -> Body:
        """Build the object around choices."""

    def choice(self, index: int, text: str, logprobs: Sequence[Mapping[str, list[Any]]], finish_reason: str) -> Body:
        """Build a whole choice."""

    def begin(self, index: int) -> list[Body]:
        """Build what a stream begins a choice with, if anything."""

    def piece(self, index: int, text: str, logprobs: Mapping[str, Any] | None) -> list[Body]:
        """Build a part of a choice, if it can be shown yet."""

    def end(self, index: int, finish_reason: str) -> list[Body]:
        """Build what was held back, and the last part of a choice."""


def refuse_crowd(engine: Engine) -> None:
    """Refuse a request when too many are open already; those that have just come count, too."""
    if engine.requests > engine.waiting_limit:
        raise queue_full(f"{engine.waiting_limit:,} requests are open already.", seconds=5)


async def model_for(engine: Engine, name: str) -> tuple[Model, Facts]:
    """Find the model of a request, whole and as it was made, and what is known of it."""
    def find() -> tuple[Model, Facts]:
        model = engine.models.get(name)
        try:
            verify(model)
        except DataError as error:
            raise invalid_value("model", str(error)) from error
        return model, facts(model)

    return await in_thread(find)


async def respond(request: Request, asked: SamplingRequest, model: Model, order: Body, shape: Shape) -> Response:
    """Let the worker do what it is asked, and answer in the given shape."""
    events = _events(engine_of(request), model, order)
    if not asked.stream:
        return await unless_gone(request, _whole(asked, events, shape))
    chunks = _chunks(asked, events, shape)
    # The first event decides between an error's status and a stream; a queued request becomes a stream of pings.
    first = asyncio.ensure_future(anext(chunks))
    try:
        await unless_gone(request, asyncio.wait((first,), timeout=engine_of(request).ping_seconds))
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


async def _events(engine: Engine, model: Model, order: Body) -> Events:
    """Yield the worker's events; an error of the worker is raised, after what came before it."""
    reference = {"id": model.id, "path": str(model.path),
                 "adapter": None if model.adapter is None else str(model.adapter)}
    async with _used(engine, model), aclosing(engine.worker.generate(reference, order)) as events:
        async for batch in events:
            if batch[-1]["event"] != "error":
                yield batch
                continue
            if batch[:-1]:
                yield batch[:-1]
            raise worker_error(batch[-1])


async def _whole(asked: SamplingRequest, events: Events, shape: Shape) -> Response:
    """Collect every choice and answer once."""
    async with aclosing(events):
        return answer(await _collect(asked, events, shape))


async def _collect(asked: SamplingRequest, events: Events, shape: Shape) -> Body:
    texts: dict[int, list[str]] = {}
    logprobs: dict[int, list[Mapping[str, list[Any]]]] = {}
    reasons: dict[int, str] = {}
    usage: dict[str, int] = {}
    async for event in _each(events):
        if event["event"] == "token":
            texts.setdefault(event["index"], []).append(event["text"])
            if event.get("logprobs"):
                logprobs.setdefault(event["index"], []).append(event["logprobs"])
        elif event["event"] == "finish":
            reasons[event["index"]] = event["finish_reason"]
        elif event["event"] == "done":
            usage = event["usage"]
    choices = [shape.choice(index, "".join(texts.get(index, ())), logprobs.get(index, ()), reason)
               for index, reason in sorted(reasons.items())]
    body = shape.body(new_id(shape.prefix), int(time.time()), asked.model, choices, streamed=False)
    return {**body, "usage": whole_usage(usage)}


async def _each(events: Events) -> AsyncGenerator[Event, None]:
    async for batch in events:
        for event in batch:
            yield event


async def _chunks(asked: SamplingRequest, events: Events, shape: Shape) -> Chunks:
    """Turn events into objects, one for each piece of text and each end; what has come together goes together."""
    identifier, created = new_id(shape.prefix), int(time.time())
    begun: set[int] = set()

    def chunk(*choices: Body, usage: Mapping[str, int] | None = None) -> Body:
        body = shape.body(identifier, created, asked.model, choices, streamed=True)
        return {**body, "usage": None if usage is None else whole_usage(usage)} if asked.with_usage else body

    def parts(event: Event) -> Iterator[Body]:
        index = event.get("index", -1)
        if index >= 0 and index not in begun:
            begun.add(index)
            yield from map(chunk, shape.begin(index))
        if event["event"] == "token":
            yield from map(chunk, shape.piece(index, event["text"], event.get("logprobs")))
        elif event["event"] == "finish":
            yield from map(chunk, shape.end(index, event["finish_reason"]))
        elif event["event"] == "done" and asked.with_usage:
            yield chunk(usage=event["usage"])

    async with aclosing(events):
        async for batch in events:
            found = [part for event in batch for part in parts(event)]
            if found:
                yield found


class EventStream(Response):
    """Server-sent events: one for each chunk, a comment now and then while nothing comes, [DONE] at the end."""

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
        if not self._following.done():
            await asyncio.wait((self._following,), timeout=engine_of(self._request).ping_seconds)
        if not self._following.done():
            return b": ping\n\n", True
        try:
            chunks = self._following.result()
        except StopAsyncIteration:
            return b"data: [DONE]\n\n", False
        except ApiError as error:
            return b"data: " + orjson.dumps(error.body) + b"\n\n", False
        self._following = asyncio.ensure_future(anext(self._chunks))
        return b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks), True


async def _leave(following: Next, chunks: Chunks) -> None:
    """Stop asking for more; closing the chunks closes the events, and that cancels the generation."""
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await chunks.aclose()

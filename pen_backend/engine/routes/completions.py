"""POST /v1/completions, and POST /v1/engines/{engine}/completions, where the address may name the model."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pen_backend.engine.routes.generation import model_for, refuse_crowd, respond
from pen_backend.engine.routes.http import engine_of, in_thread, json_body, query
from pen_backend.engine.wire.body import check
from pen_backend.engine.wire.completions import CompletionRequest, CompletionShape, worker_request


async def create(request: Request) -> Response:
    """Continue a text."""
    query(request)
    return await _complete(request, await json_body(request))


async def create_with_engine(request: Request) -> Response:
    """Continue a text with the model that the body names, else with the newest of the engine's name."""
    query(request)
    body = await json_body(request)
    if body.get("model") is None:
        engine = engine_of(request)
        named = await in_thread(engine.models.newest, request.path_params["engine"])
        body = {**body, "model": named.id}
    return await _complete(request, body)


async def _complete(request: Request, body: dict[str, Any]) -> Response:
    asked = check(CompletionRequest, body)
    engine = engine_of(request)
    refuse_crowd(engine)
    model, known = await model_for(engine, asked.model)
    order = worker_request(asked, bos=known.bos, vocab_size=known.vocab_size)
    return await respond(request, asked, model, order, CompletionShape(with_logprobs=asked.logprobs is not None))

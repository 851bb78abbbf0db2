"""POST /v1/chat/completions."""

from starlette.requests import Request
from starlette.responses import Response

from pen_backend.engine.routes.generation import model_for, refuse_crowd, respond
from pen_backend.engine.routes.http import engine_of, json_body, query
from pen_backend.engine.wire.body import check
from pen_backend.engine.wire.chat import ChatRequest, ChatShape, worker_request


async def create(request: Request) -> Response:
    """Answer a chat; how its messages become the model's prompt is the worker's business."""
    query(request)
    asked = check(ChatRequest, await json_body(request))
    engine = engine_of(request)
    refuse_crowd(engine)
    model, known = await model_for(engine, asked.model)
    order = worker_request(asked, vocab_size=known.vocab_size)
    shape = ChatShape(with_logprobs=bool(asked.logprobs), with_tools=order["tools"] is not None)
    return await respond(request, asked, model, order, shape)

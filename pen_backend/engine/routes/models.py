"""GET /v1/models, GET and DELETE /v1/models/{model}, GET /pen/models/{model}/tokenizer."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from pen_backend.engine.models import as_object
from pen_backend.engine.routes.http import Engine, answer, engine_of, in_thread, query
from pen_backend.engine.wire.errors import ApiError

DRAIN_SECONDS = 60.0
TOKENIZER_LIMIT = 64 << 20


async def list_models(request: Request) -> Response:
    """List bases, fine-tunes and snapshots."""
    query(request)
    engine = engine_of(request)
    found = await in_thread(lambda: [as_object(model) for model in engine.models.all()])
    return answer({"object": "list", "data": found})


async def retrieve(request: Request) -> Response:
    """Describe one model."""
    query(request)
    engine = engine_of(request)
    name = request.path_params["model"]
    return answer(await in_thread(lambda: as_object(engine.models.get(name))))


async def delete(request: Request) -> Response:
    """Delete a fine-tuned model once the requests that use it are answered."""
    query(request)
    engine = engine_of(request)
    model = await in_thread(engine.models.delete, request.path_params["model"])
    await _idle(engine, model.id)
    engine.worker.unload(model.id)
    await in_thread(engine.models.remove_files, model)
    return answer({"id": model.id, "object": "model", "deleted": True})


async def _idle(engine: Engine, model: str) -> None:
    deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
    while engine.using.get(model) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.05)


async def tokenizer(request: Request) -> Response:
    """Send a model's tokenizer.json, so that a client counts with the model's own tokens."""
    query(request)
    engine = engine_of(request)
    model = await in_thread(engine.models.get, request.path_params["model"])
    path = model.path / "tokenizer.json"
    if not path.is_file() or path.stat().st_size > TOKENIZER_LIMIT:
        raise ApiError(404, "model_not_found", f"The model '{model.id}' has no tokenizer.json.", param="model")
    return Response(await in_thread(path.read_bytes), media_type="application/json")

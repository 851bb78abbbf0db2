"""GET /v1/models, GET and DELETE /v1/models/{model}, GET /pen/models/{model}/tokenizer and …/export."""

import asyncio
from contextlib import ExitStack

from starlette.requests import Request
from starlette.responses import Response

from pen_backend.engine.export import items
from pen_backend.engine.models import as_object
from pen_backend.engine.routes.http import Engine, answer, engine_of, in_thread, query, unless_gone
from pen_backend.engine.routes.tarball import Tarball
from pen_backend.engine.wire.errors import ApiError, invalid_value
from pen_backend.engine.wire.ids import random_text
from pen_backend.engine.wire.tar import length, tar

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


async def export(request: Request) -> Response:
    """Send a model as a tar of the plain folder that other libraries load; `merged` puts its adapter into its base."""
    merged = query(request, "merged").get("merged", "false")
    if merged not in ("true", "false"):
        raise invalid_value("merged", "'merged' must be true or false.")
    engine = engine_of(request)
    model = await in_thread(engine.models.get, request.path_params["model"])
    with ExitStack() as held:
        held.callback(_release, engine, model.id)
        engine.using[model.id] = engine.using.get(model.id, 0) + 1
        if model.adapter is None:
            found = await in_thread(items, model.files)
        elif merged == "false":
            found = await in_thread(lambda: items(model.files, engine.models.below(model)))
        else:
            out = engine.store.directory / "tmp" / f"merged-{random_text()}"
            held.callback(engine.store.disk.remove, out)
            await in_thread(out.mkdir, mode=0o700)
            await unless_gone(request, engine.merger.merge(model, out))
            found = await in_thread(items, out)
        moment = model.created_at
        return Tarball(tar(found, moment), length(found, moment), held.pop_all().close)


def _release(engine: Engine, model: str) -> None:
    engine.using[model] -= 1
    if not engine.using[model]:
        del engine.using[model]

"""/pen/health, /pen/status, /pen/backup, /pen/stop: what pen's own client asks, outside /v1."""

import asyncio
import hashlib
import hmac
import os
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pen_backend.engine.backup.making import hold
from pen_backend.engine.jobs import state
from pen_backend.engine.routes.http import Engine, answer, engine_of, in_thread, no_body, query
from pen_backend.engine.routes.tarball import Tarball
from pen_backend.engine.wire.errors import invalid_value, unavailable

NONCE_LIMIT = 256


async def health(request: Request) -> Response:
    """Say that the engine lives; with a nonce, prove that it knows the token, which then needs not be sent to ask."""
    nonce = query(request, "nonce").get("nonce")
    if nonce is None:
        return answer({"ok": True})
    if not nonce or len(nonce) > NONCE_LIMIT or set(nonce) - set("0123456789abcdefABCDEF"):
        raise invalid_value("nonce", f"'nonce' must be 1 to {NONCE_LIMIT} hexadecimal digits.")
    engine = engine_of(request)
    if engine.draining:  # whoever takes this engine now would lose it at once
        raise unavailable("The engine is stopping; start it again.")
    key = engine.token.reveal().encode()
    return answer({"ok": True, "proof": hmac.new(key, nonce.encode(), hashlib.sha256).hexdigest()})


async def status(request: Request) -> Response:
    """Say what runs, what waits, what is loaded and how much room there is."""
    query(request)
    engine = engine_of(request)
    stats = await engine.worker.stats()
    body = await in_thread(_status, engine)
    body["worker"] = engine.worker.pid
    body["stats"] = None if stats is None else {key: stats.get(key) for key in ("generated_tokens", "loaded")}
    return answer(body)


def _status(engine: Engine) -> dict[str, Any]:
    jobs = state.in_states(engine.store, "validating_files", "queued", "running")
    return {
        "pid": os.getpid(), "version": engine.version, "uptime_seconds": int(time.time()) - engine.started_at,
        "state": str(engine.store.directory), "stopping": engine.draining,
        "jobs": [{"id": job.id, "status": job.state, "attempt": job.attempt} for job in jobs],
        "trainers": [handle.pid for handle in engine.scheduler.trainers()],
        "completions": sum(engine.using.values()),
        "bytes_free": engine.store.disk.free_bytes(engine.store.directory),
    }


async def backup(request: Request) -> Response:
    """Send the store as a tar: a moment of it, whatever happens meanwhile."""
    query(request)
    engine = engine_of(request)
    held = await in_thread(hold, engine.store, version=engine.version)

    def let_go() -> None:  # it may be thousands of links
        asyncio.get_running_loop().run_in_executor(None, engine.store.disk.remove, held.directory)

    return Tarball(held.tar(), await in_thread(lambda: held.length), let_go)


async def stop(request: Request) -> Response:
    """Begin an orderly stop; jobs go on at the next start."""
    query(request)
    await no_body(request)
    engine_of(request).stop()
    return answer({"ok": True, "stopping": True})

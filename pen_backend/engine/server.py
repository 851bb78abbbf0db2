"""The HTTP server: the guard in front, the routes behind it, and the engine's life from start to orderly stop."""

import asyncio
import contextlib
import errno
import hmac
import ipaddress
import logging
import os
import secrets
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import pen_backend
from pen_backend.engine.export import Merger
from pen_backend.engine.jobs.running import STOP_SECONDS
from pen_backend.engine.models import Models
from pen_backend.engine.routes import chat, completions, files, jobs, models, pen, submission
from pen_backend.engine.routes.http import CLIENT_GONE, WAITING_LIMIT, ClientGone, Engine, Resource
from pen_backend.engine.routes.protocol import Protocol
from pen_backend.engine.runners.local import LocalRunner
from pen_backend.engine.scheduler import Scheduler
from pen_backend.engine.store import BALLAST_BYTES, Store
from pen_backend.engine.wire.errors import ApiError, no_space, unavailable
from pen_backend.engine.wire.ids import new_id
from pen_backend.engine.worker import Worker
from pen_backend.files import Disk, keep_tail
from pen_backend.secrets import Secret, child_environment

HEADER_LIMIT = 64 << 10
BACKLOG = 2048  # a thousand clients at once are no attack
KEEP_ALIVE_SECONDS = 60
GRACE_SECONDS = 2
WORKER_LOG = "worker.log"
LOG_BYTES, LOG_SECONDS = 25 << 20, 30.0
ASIDE = ("/pen/health", "/pen/status", "/pen/stop")  # whoever only asks for these does not keep the engine from ending
FULL = (errno.ENOSPC, errno.EDQUOT)
SERVED = "/v1/models, /v1/files, /v1/fine_tuning/jobs, /v1/completions and /v1/chat/completions"

_log = logging.getLogger(__name__)


Observe = Callable[[ASGIApp], ASGIApp]


def unobserved(app: ASGIApp) -> ASGIApp:
    """Let nobody look on."""
    return app


@dataclass(frozen=True, slots=True)
class Settings:
    """What an engine is started with; the programs and the disk are arguments so that tests hand in others.

    REMOTE lets it listen to other machines, too.

    OBSERVE wraps the whole application: a test looks on at every answer there. LOG is where the engine's own output
    goes; like the worker's it is cut to its tail when it grows over LOG_BYTES, looked at every LOG_SECONDS.
    """

    directory: Path
    port: int = 0
    remote: bool = False
    idle_minutes: float = 10.0
    parallel_jobs: int = 1
    threads: int = 1
    grace: float = STOP_SECONDS
    ping_seconds: float = 15.0
    waiting_limit: int = WAITING_LIMIT
    ballast_bytes: int = BALLAST_BYTES
    log_bytes: int = LOG_BYTES
    log_seconds: float = LOG_SECONDS
    log: Path | None = None
    trainer_argv: Sequence[str] = (sys.executable, "-P", "-m", "pen_backend.engine.train")
    worker_argv: Sequence[str] = (sys.executable, "-P", "-m", "pen_backend.engine.infer")
    merge_argv: Sequence[str] = (sys.executable, "-P", "-m", "pen_backend.engine.merge")
    bases: Sequence[Path] | None = None
    disk: Disk = field(default_factory=Disk)
    observe: Observe = unobserved
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Guard:
    """Judges every request before its body is read: Host, Origin, token; and gives every answer its request id."""

    def __init__(self, app: ASGIApp, engine: Engine, port: int, *, remote: bool = False) -> None:
        self._app = app
        self._engine = engine
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
        self._remote = remote
        self.active = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        identifier = new_id("req_")
        repeats = request.method == "POST" and request.url.path == "/v1/fine_tuning/jobs" and \
            "idempotency-key" not in request.headers

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (b"x-request-id", identifier.encode())]
                if message["status"] >= 500 and repeats:  # the client would create a second job by itself
                    headers = [each for each in headers if each[0] != b"x-should-retry"]
                    headers.append((b"x-should-retry", b"false"))
                message["headers"] = headers
            await send(message)

        works = request.url.path not in ASIDE
        self._engine.requests += works
        try:
            refusal = self._refusal(request)
            if refusal is not None:
                await error_response(refusal)(scope, receive, named)
            else:
                self.active = time.monotonic() if works else self.active
                await self._app(scope, receive, named)
        finally:
            self._engine.requests -= works
            self.active = time.monotonic() if works else self.active

    def _refusal(self, request: Request) -> ApiError | None:
        headers = request.headers
        host = headers.get("host", "").lower()
        if host not in self._hosts and not (self._remote and _is_ours(host)):
            return ApiError(421, "wrong_host", "This engine answers to its own address only.")
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return ApiError(403, "forbidden_origin", "Web pages may not use this engine.")
        if request.url.path == "/pen/health":
            return None
        kind, _, token = headers.get("authorization", "").partition(" ")
        known = self._engine.token.reveal().encode()
        if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), known):
            return ApiError(401, "invalid_api_key",
                            "The token is missing or wrong; the engine's runtime file has the right one.")
        if self._engine.draining and request.url.path not in ("/pen/status", "/pen/stop"):
            return unavailable("The engine is stopping; start it again.")
        return None


def error_response(error: ApiError) -> Response:
    """Turn an error into its answer."""
    return JSONResponse(error.body, status_code=error.status, headers=error.headers)


def application(engine: Engine) -> Starlette:
    """Build the routes; every answer that is no success has the contract's error body."""
    job = "/v1/fine_tuning/jobs/{job}"
    paths = {
        "/v1/models": Resource(get=models.list_models),
        "/v1/models/{model:path}": Resource(get=models.retrieve, delete=models.delete),
        "/v1/files": Resource(get=files.list_files, post=files.upload),
        "/v1/files/{file}": Resource(get=files.retrieve, delete=files.delete),
        "/v1/files/{file}/content": Resource(get=files.content),
        "/v1/fine_tuning/jobs": Resource(get=jobs.list_jobs, post=submission.create),
        job: Resource(get=jobs.retrieve),
        f"{job}/cancel": Resource(post=jobs.cancel),
        f"{job}/pause": Resource(post=jobs.pause),
        f"{job}/resume": Resource(post=jobs.resume),
        f"{job}/events": Resource(get=jobs.list_events),
        f"{job}/checkpoints": Resource(get=jobs.list_checkpoints),
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

    async def api_error(_: Request, error: Exception) -> Response:
        return error_response(error if isinstance(error, ApiError) else _bug())

    async def unserved(request: Request, _: Exception) -> Response:
        path = request.url.path if len(request.url.path) <= 80 else request.url.path[:77] + "…"
        return error_response(ApiError(404, "unsupported_endpoint", f"There is no {path} here; served are {SERVED}."))

    async def failed(_: Request, error: Exception) -> Response:
        if getattr(error, "errno", None) in FULL or "disk is full" in str(error):
            return error_response(no_space("The disk is full; make room and try again."))
        _log.error("a request failed", exc_info=error)
        return error_response(_bug())

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=CLIENT_GONE)

    app = Starlette(routes=[Route(path, resource) for path, resource in paths.items()], exception_handlers={
        ApiError: api_error, 404: unserved, ClientGone: gone, ClientDisconnect: gone,
        OSError: failed, sqlite3.OperationalError: failed, Exception: failed})
    app.router.redirect_slashes = False
    app.state.engine = engine
    return app


def _bug() -> ApiError:
    return ApiError(500, "internal_error", "The engine failed; its log says more.")


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: what a signal means is decided by the engine."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def serve(settings: Settings, store: Store, listener: socket.socket, token: Secret, *,
                ready: Callable[[], None]) -> None:
    """Serve until a signal, POST /pen/stop, or idleness; READY is called when requests are answered."""
    environ = child_environment(settings.environ)
    environ["PEN_ENGINE_THREADS"] = str(settings.threads)
    known = Models(store, settings.bases)
    scheduler = Scheduler(store, known, LocalRunner(), trainer_argv=settings.trainer_argv, environ=environ,
                          threads=settings.threads, parallel=settings.parallel_jobs, grace=settings.grace)
    worker = Worker(settings.worker_argv, environ=environ, log=store.directory / WORKER_LOG)
    stopping = asyncio.Event()
    merger = Merger(settings.merge_argv, environ, store.directory / WORKER_LOG)
    engine = Engine(store, known, scheduler, worker, merger, token, stopping.set, int(time.time()),
                    pen_backend.__version__, settings.ping_seconds,
                    settings.waiting_limit)
    port = listener.getsockname()[1]
    guard = Guard(application(engine), engine, port, remote=settings.remote)
    server = Server(uvicorn.Config(
        settings.observe(guard), access_log=False, log_config=None, server_header=False, date_header=False,
        lifespan="off", ws="none", http=Protocol, loop="asyncio", h11_max_incomplete_event_size=HEADER_LIMIT,
        timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=GRACE_SECONDS))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    scheduler.start()
    ready()
    idle = asyncio.create_task(_watch_idleness(settings, engine, guard, stopping))
    capping = asyncio.create_task(_cap_logs(settings))
    await asyncio.wait((serving, asyncio.create_task(stopping.wait())), return_when=asyncio.FIRST_COMPLETED)
    engine.draining = True
    idle.cancel()
    capping.cancel()
    await asyncio.to_thread(scheduler.stop)
    await worker.close()
    server.should_exit = True
    await serving


async def _watch_idleness(settings: Settings, engine: Engine, guard: Guard, stopping: asyncio.Event) -> None:
    """Stop an engine that nobody uses, and before it a worker that nobody uses."""
    limit = settings.idle_minutes * 60
    while not stopping.is_set():
        await asyncio.sleep(min(1.0, limit / 4))
        now = time.monotonic()
        if not engine.worker.busy and engine.worker.pid is not None and now - engine.worker.used > limit:
            await engine.worker.close()
        if engine.requests == 0 and now - guard.active > limit and not await asyncio.to_thread(engine.scheduler.busy):
            _log.info("stopping: nothing to do for %s minutes", settings.idle_minutes)
            stopping.set()


async def _cap_logs(settings: Settings) -> None:
    """Keep of long logs the tail, now and from time to time."""
    while True:
        for log in (settings.log, settings.directory / WORKER_LOG):
            if log is not None:
                with contextlib.suppress(OSError):  # a log that cannot be cut is nobody's fault
                    await asyncio.to_thread(keep_tail, log, settings.log_bytes)
        await asyncio.sleep(settings.log_seconds)


def _is_ours(host: str) -> bool:
    """Say whether a Host header is this machine's name or an address; a name that somebody made up leads elsewhere."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name.removeprefix("[").removesuffix("]")))
    return name in (socket.gethostname().lower(), socket.getfqdn().lower())


def listen(port: int, *, remote: bool = False) -> socket.socket:
    """Open the listening socket: on this machine only, unless REMOTE."""
    # With the protocol named, asyncio sends small pieces at once; else each token waits for the last one's receipt.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0" if remote else "127.0.0.1", port))  # noqa: S104 - asked for by --allow-remote
    listener.listen(BACKLOG)
    return listener


def new_token() -> Secret:
    """Draw the token of this start: 256 bits."""
    return Secret(secrets.token_urlsafe(32))

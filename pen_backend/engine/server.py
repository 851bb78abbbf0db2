"""The engine's life, from its listening socket to an orderly stop."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

import pen_backend
from pen_backend.engine.export import Merger
from pen_backend.engine.jobs.running import STOP_SECONDS
from pen_backend.engine.models import Models
from pen_backend.engine.routes.application import application
from pen_backend.engine.routes.guard import Guard
from pen_backend.engine.routes.http import WAITING_LIMIT, Engine
from pen_backend.engine.routes.protocol import Protocol
from pen_backend.engine.runners.local import LocalRunner
from pen_backend.engine.scheduler import Scheduler
from pen_backend.engine.store import BALLAST_BYTES, Store
from pen_backend.engine.worker import Worker
from pen_backend.files import Disk, keep_tail
from pen_backend.secrets import Secret, child_environment

HEADER_LIMIT = 64 << 10
BACKLOG = 2048  # a thousand clients at once are no attack
KEEP_ALIVE_SECONDS = 60
GRACE_SECONDS = 2
WORKER_LOG = "worker.log"
LOG_BYTES, LOG_SECONDS = 25 << 20, 30.0

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

"""The client of the inference worker process: starts it, speaks its frames, outlives its death."""

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pen_backend.engine.wire.errors import ApiError, unavailable
from pen_backend.engine.wire.ids import random_text

FRAME_LIMIT = 64 << 20
BACK_OFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
HEALTHY_SECONDS = 30.0
STATS_SECONDS = 0.5  # less than a client waits for the status it asked for
CLOSE_SECONDS = 5.0

Event = dict[str, Any]
Process = asyncio.subprocess.Process


@dataclass(slots=True)
class _Waiting:
    """Somebody who waits for answers: of this process, or of one that is being started for it."""

    process: Process | None = None
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)


class Worker:
    """One inference process, started when it is first needed. Lives in the server's event loop."""

    def __init__(self, argv: Sequence[str], *, environ: Mapping[str, str], log: Path) -> None:
        self._argv = list(argv)
        self._environ = dict(environ)
        self._log = log
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._open: dict[str, _Waiting] = {}
        self._deaths = 0
        self._not_before = 0.0
        self.used = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def busy(self) -> bool:
        """Whether anybody waits for tokens."""
        return bool(self._open)

    async def generate(self, model: Mapping[str, Any], request: Mapping[str, Any]) -> AsyncGenerator[list[Event], None]:
        """Yield the worker's events for one request, those together that have come; leaving early stops the generation.

        The last event is `done`; an `error` ends the events too, also when the worker dies.
        """
        identifier = random_text()
        waiting = self._open[identifier] = _Waiting()
        finished = False
        try:
            await self._send(waiting, {"op": "generate", "id": identifier, "model": dict(model), **request})
            while not finished:
                events = [await waiting.events.get()]
                while not waiting.events.empty():
                    events.append(waiting.events.get_nowait())
                finished = events[-1]["event"] in ("done", "error")
                yield events
        finally:
            del self._open[identifier]
            self.used = time.monotonic()
            if not finished:
                _write(waiting.process, {"op": "cancel", "id": identifier})

    async def stats(self) -> Event | None:
        """Ask what the worker has made and holds; None if it does not run or does not answer in time."""
        if self._process is None:
            return None
        identifier = random_text()
        waiting = self._open[identifier] = _Waiting(self._process)
        try:
            _write(waiting.process, {"op": "stats", "id": identifier})
            answer = await asyncio.wait_for(waiting.events.get(), STATS_SECONDS)
        except TimeoutError:
            return None
        finally:
            del self._open[identifier]
        return answer if answer["event"] == "stats" else None

    def unload(self, model: str) -> None:
        """Let the worker forget a model, if it runs."""
        _write(self._process, {"op": "unload", "model": model})

    async def close(self) -> None:
        """End the worker: its input closes, and it leaves; one that does not is killed."""
        process, reader = self._process, self._reader
        if process is None or process.stdin is None:
            return
        self._process = None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), CLOSE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        if reader is not None:
            await reader

    async def _send(self, waiting: _Waiting, frame: Mapping[str, Any]) -> None:
        async with self._starting:
            process = waiting.process = self._process or await self._start()
        _write(process, frame)
        with contextlib.suppress(ConnectionError):  # its death is told by the reader, to everybody
            if process.stdin is not None:
                await process.stdin.drain()

    async def _start(self) -> Process:
        wait = self._not_before - time.monotonic()
        if wait > 0:
            raise unavailable(f"The inference worker died and restarts in {wait:.0f} s; try again then.")
        with self._log.open("ab") as log:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                    env=self._environ, cwd="/", start_new_session=True)
            except OSError as error:
                raise ApiError(500, "internal_error",
                               f"The inference worker does not start ({error.strerror}).") from error
        self._process = process
        self._reader = asyncio.create_task(self._read(process))
        return process

    async def _read(self, process: Process) -> None:
        """Hand out events until the worker ends, then tell everybody who waits for it; another may run by then."""
        started = time.monotonic()
        if process.stdout is None:
            return
        try:
            while True:
                length = struct.unpack(">I", await process.stdout.readexactly(4))[0]
                if length > FRAME_LIMIT:
                    break
                frame = json.loads(await process.stdout.readexactly(length))
                for event in frame if isinstance(frame, list) else (frame,):
                    waiting = self._open.get(str(event.get("id")))
                    if waiting is not None:
                        waiting.events.put_nowait(event)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        expected = self._process is not process
        if not expected:
            self._process = None
            self._deaths = 1 if time.monotonic() - started > HEALTHY_SECONDS else self._deaths + 1
            self._not_before = time.monotonic() + BACK_OFF[min(self._deaths, len(BACK_OFF)) - 1]
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        for waiting in self._open.values():
            if waiting.process is process:
                waiting.events.put_nowait({"event": "error", "code": "unavailable",
                                           "message": "The inference worker stopped." if expected else
                                           "The inference worker died; it restarts with the next request."})


def _write(process: Process | None, frame: Mapping[str, Any]) -> None:
    body = json.dumps(frame, ensure_ascii=False).encode()
    if process is not None and process.stdin is not None and not process.stdin.is_closing():
        process.stdin.write(struct.pack(">I", len(body)) + body)

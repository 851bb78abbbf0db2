"""Find, start, check and stop the local engine.

The engine is another program: it is started detached, in its own session, and found again by the runtime file it
writes. Nothing secret is sent to whatever listens on the recorded port before it has proved that it knows the token.
"""

import contextlib
import hashlib
import hmac
import http.client
import importlib.util
import json
import os
import secrets as randomness
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pen_backend.errors import ConfigError, ConnectionLostError, StartError
from pen_backend.files import process_start_time
from pen_backend.secrets import Secret, child_environment, redact

START_SECONDS = 15.0     # from spawn to the first answer
STOP_SECONDS = 30.0      # trainers finish a step and write a checkpoint first
AGAIN_SECONDS = 0.5      # between two tries while another engine holds the directory
ANSWER_SECONDS = 2.0     # one health check
RUNTIME_BYTES = 64 * 1024
LOCK_HELD = 3            # exit status of an engine that found another one in its directory
NEEDED = ("starlette", "uvicorn", "torch", "transformers")

Spawn = Callable[[Sequence[str], Mapping[str, str], Path], "subprocess.Popen[bytes]"]


@dataclass(frozen=True, slots=True)
class Running:
    """An engine that answered and proved that it knows its token."""

    base_url: str
    token: Secret
    pid: int
    pid_start_time: int | None = None
    version: str = ""

    @property
    def root(self) -> str:
        """The address without /v1, where /pen/… lives."""
        return self.base_url.removesuffix("/").removesuffix("/v1")

    def alive(self) -> bool:
        """Say whether its process still is the one that was found."""
        started = process_start_time(self.pid)
        return started is not None and self.pid_start_time in (None, started)


class EngineProcess:
    """The local engine of one state directory; every method looks afresh, nothing is assumed from before."""

    def __init__(self, state: Path, *, log: Path, environ: Mapping[str, str], runtime: Path | None = None,
                 idle_minutes: int | None = None, parallel_jobs: int | None = None, port: int | None = None,
                 allow_remote: bool = False, spawn: Spawn | None = None, start_seconds: float = START_SECONDS,
                 stop_seconds: float = STOP_SECONDS, needed: Sequence[str] = NEEDED,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        """STATE is its directory, LOG where its output goes, RUNTIME a second place to look for its runtime file.

        SLEEP passes the time between two looks at a process.
        """
        self.state = state
        self.log = log
        self._runtime_files = [state / "engine.json", *([runtime] if runtime else [])]
        self._environ = child_environment(environ)
        if idle_minutes is not None:
            self._environ["PEN_ENGINE_IDLE_MINUTES"] = str(idle_minutes)
        if parallel_jobs is not None:
            self._environ["PEN_ENGINE_PARALLEL_JOBS"] = str(parallel_jobs)
        self._port = port
        self._allow_remote = allow_remote
        self._spawn = spawn or _spawn
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._needed = needed
        self._sleep = sleep
        self._child: subprocess.Popen[bytes] | None = None

    def find(self) -> Running | None:
        """Return the running engine, or None: no runtime file, a dead process, or one that cannot prove itself.

        One that is stopping gives no proof any more.
        """
        return next((running for running in self._recorded() if proves_itself(running)), None)

    def _recorded(self) -> Iterator[Running]:
        """Read the engines of the runtime files whose processes live, whether they answer or not."""
        for path in self._runtime_files:
            running = read_runtime_file(path)
            if running is not None and running.alive():
                yield running

    def ensure(self, say: Callable[[str], None] = lambda text: None) -> Running:
        """Return the running engine; start it when there is none, telling SAY before the wait begins."""
        running = self.find()
        if running is not None:
            return running
        say("starting engine…")
        return self.start()

    def start(self) -> Running:
        """Start the engine and wait until it answers; two callers at once end with one engine."""
        missing = [name for name in self._needed if importlib.util.find_spec(name) is None]
        if missing:
            raise StartError(f"The local engine is not installed ({', '.join(missing)} missing).",
                             hint=f"Run: {sys.executable} -m pip install 'pen-backend[engine]'")
        for directory in (self.state, self.log.parent):
            _make(directory)
        argv = [sys.executable, "-P", "-m", "pen_backend.engine", "--state", str(self.state)]
        if self._port is not None:
            argv += ["--port", str(self._port)]
        if self._allow_remote:
            argv.append("--allow-remote")
        offset = self.log.stat().st_size if self.log.exists() else 0
        self._child = self._spawn(argv, self._environ, self.log)
        begun = spawned = time.monotonic()
        seconds = self._start_seconds
        while (now := time.monotonic()) < begun + seconds:
            running = self.find()
            if running is not None:
                return running
            status = self._child.poll()
            if status == LOCK_HELD:
                # Somebody else starts one, and theirs will answer; or one is stopping, and then ours has to come.
                seconds = self._start_seconds + self._stop_seconds
                if now > spawned + AGAIN_SECONDS:
                    self._child = self._spawn(argv, self._environ, self.log)
                    spawned = now
            elif status is not None:
                raise StartError(f"The local engine ended while starting (status {status}).", where=str(self.log),
                                 hint=_last_lines(self.log, offset))
            self._sleep(0.02)
        if self._child.poll() is None:
            self._child.terminate()
        raise StartError(f"The local engine did not answer within {seconds:.0f} seconds.",
                         where=str(self.log), hint=_last_lines(self.log, offset))

    def status(self, running: Running) -> dict[str, Any]:
        """Ask the engine for its queue, loaded models, process ids and free bytes."""
        return _ask(running, "GET", "/pen/status")

    def stop(self, *, seconds: float = STOP_SECONDS) -> bool:
        """Stop the engine orderly, by its process id if it does not answer; False when none was running.

        One that is stopping already is waited for, and not hurried: it proves nothing any more, so it gets no signal.
        """
        running = self.find()
        if running is None:
            return self._wait_for_the_stopping(seconds)
        with contextlib.suppress(ConnectionLostError):
            _ask(running, "POST", "/pen/stop")
        if self._gone(running, seconds):
            return True
        for what in (signal.SIGTERM, signal.SIGKILL):
            if running.alive():  # compared by start time, so that a reused id is never signalled
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running.pid, what)
            if self._gone(running, 5.0):
                return True
        raise StartError(f"The engine (process {running.pid}) does not stop.", where=str(self.log))

    def _wait_for_the_stopping(self, seconds: float) -> bool:
        """Wait until every recorded engine that no longer proves itself is gone; say whether there was one."""
        stopping = [running for running in self._recorded() if running.pid_start_time is not None]
        for running in stopping:
            if not self._gone(running, seconds):
                raise StartError(f"The engine (process {running.pid}) is stopping and does not end.",
                                 where=str(self.log))
        return bool(stopping)

    def _gone(self, running: Running, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while running.alive():
            if self._child is not None and self._child.pid == running.pid and self._child.poll() is not None:
                return True
            if time.monotonic() > deadline:
                return False
            self._sleep(0.02)
        return True


def _make(directory: Path) -> None:
    """Make a directory of the engine; ConfigError if that cannot be."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError as error:
        raise ConfigError(f"{directory} is a file.", hint="Name a directory.") from error
    except OSError as error:
        raise ConfigError(f"The engine's directory {directory} cannot be made: {error.strerror}.",
                          hint="Name another one.") from error


def read_runtime_file(path: Path) -> Running | None:
    """Read an engine's runtime file; one that others could have written or planted is ignored."""
    try:
        directory = path.parent.stat()
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        private = all(each.st_uid == os.getuid() and not each.st_mode & 0o022 for each in (directory, status))
        if not private or status.st_mode & 0o077 or not stat.S_ISREG(status.st_mode):
            return None
        data = stream.read(RUNTIME_BYTES)
    try:
        content = json.loads(data)
        url = urlsplit(content["base_url"])
        started = content.get("pid_start_time")
        if url.scheme != "http" or url.hostname != "127.0.0.1" or url.port is None:
            return None
        return Running(content["base_url"], Secret(str(content["token"])), int(content["pid"]),
                       int(started) if started is not None else None, str(content.get("version", "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def proves_itself(running: Running) -> bool:
    """Let the engine prove that it knows the token, without sending it: HMAC-SHA256(token, nonce)."""
    nonce = randomness.token_hex(16)
    try:
        answer = _request(running.root, "GET", f"/pen/health?nonce={nonce}", {})
    except (OSError, http.client.HTTPException, ValueError):
        return False
    expected = hmac.new(running.token.reveal().encode(), nonce.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(str(answer.get("proof", "")).encode(), expected.encode())


def _ask(running: Running, method: str, path: str) -> dict[str, Any]:
    try:
        return _request(running.root, method, path, {"Authorization": f"Bearer {running.token.reveal()}"})
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ConnectionLostError("The local engine does not answer.",
                                  hint="Look at it with `pen engine status`, or start it again.") from error


def _request(root: str, method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Make one request on the loopback, without proxies."""
    url = urlsplit(root)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=ANSWER_SECONDS)
    try:
        connection.request(method, path, headers={"Accept": "application/json", **headers})
        response = connection.getresponse()
        body = response.read(1 << 20)
        if response.status >= 300:
            raise ValueError(f"status {response.status}")
        answer = json.loads(body)
        return answer if isinstance(answer, dict) else {}
    finally:
        connection.close()


def _spawn(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Start ARGV detached, in its own session, with its output in a private log file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(list(argv), env=dict(environ), stdin=subprocess.DEVNULL, stdout=descriptor,
                                stderr=descriptor, start_new_session=True, umask=0o077, cwd="/")
    finally:
        os.close(descriptor)


def _last_lines(log: Path, offset: int, count: int = 3) -> str | None:
    """Return the last lines that this start wrote, without tracebacks' middles and without secrets."""
    try:
        with log.open("rb") as stream:
            stream.seek(offset)
            lines = stream.read(1 << 20).decode(errors="replace").splitlines()
    except OSError:
        return None
    lines = [line.strip() for line in lines if line.strip()]
    return redact("Its log ends: " + " | ".join(lines[-count:])) if lines else f"It wrote nothing to {log}."

"""Run jobs as processes of this machine: in a session of their own, so that they outlive the engine."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pen_backend.engine.jobs.running import STOP_SECONDS, Handle, Resources, RunnerState
from pen_backend.files import process_start_time

LOG_LIMIT = 1 << 20


def boot_id() -> str:
    """Name this boot of the machine; process ids of another one mean nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class LocalRunner:
    """Starts, watches and ends job processes; finds those that an earlier engine started."""

    def __init__(self) -> None:
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._handles: dict[tuple[str, int], Handle] = {}
        self._lock = threading.Lock()
        self._boot = boot_id()

    def submit(self, job_id: str, attempt: int, argv: list[str], env: Mapping[str, str],
               resources: Resources) -> Handle:
        """Start ARGV, or find it running already: an engine may have died between the start and noting it down."""
        mine = self._handles.get((job_id, attempt))
        if mine is not None and self.poll(mine).kind == "running":
            return mine
        found = _find(argv)
        if found is not None:
            return Handle(job_id, attempt, found[0], found[1], self._boot)
        with resources.log.open("ab") as log:
            child = subprocess.Popen(argv, env=dict(env), cwd=resources.directory, stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=log, start_new_session=True)
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, resources.nice)
        with self._lock:
            self._children[child.pid] = child
        handle = Handle(job_id, attempt, child.pid, process_start_time(child.pid) or 0, self._boot)
        self._handles[job_id, attempt] = handle
        return handle

    def poll(self, handle: Handle) -> RunnerState:
        """Tell how a run stands."""
        with self._lock:
            child = self._children.get(handle.pid)
        if child is not None:
            code = child.poll()
            return RunnerState("running") if code is None else RunnerState("exited", code)
        return RunnerState("running" if self._lives(handle) else "lost")

    def logs(self, handle: Handle, resources: Resources, offset: int) -> tuple[bytes, int]:
        """Read the run's output from OFFSET, at most a megabyte."""
        with resources.log.open("rb") as stream:
            stream.seek(offset)
            data = stream.read(LOG_LIMIT)
        return data, offset + len(data)

    def stop(self, handle: Handle, *, grace: float = STOP_SECONDS) -> None:
        """End a run's whole process group: TERM, after GRACE seconds KILL. Returns when it is gone."""
        self._signal(handle, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self.poll(handle).kind == "running" and time.monotonic() < deadline:
            time.sleep(0.02)
        self._signal(handle, signal.SIGKILL)
        while self.poll(handle).kind == "running" and time.monotonic() < deadline + 5:
            time.sleep(0.02)

    def _signal(self, handle: Handle, number: int) -> None:
        # The group is ours while its leader lives, or is our child and not yet reaped by poll.
        if self.poll(handle).kind == "running":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(handle.pid, number)

    def _lives(self, handle: Handle) -> bool:
        return handle.boot_id == self._boot and process_start_time(handle.pid) == handle.start_time


def _find(argv: list[str]) -> tuple[int, int] | None:
    """Find a live process with exactly these arguments, ours, and when it started."""
    wanted = b"\0".join(part.encode() for part in argv) + b"\0"
    for pid in _own_processes():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes() == wanted:
                started = process_start_time(pid)
                if started is not None:
                    return pid, started
    return None


def _own_processes() -> Iterator[int]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if entry.stat().st_uid == os.getuid():
                    yield int(entry.name)

"""The scheduler: one thread that validates, leases, watches, ends and adopts jobs. It may die at any moment."""

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.events import add_event, is_final, line_data, read_lines, take
from pen_backend.engine.jobs.running import Handle, JobDirectory, JobRunner, Resources
from pen_backend.engine.jobs.spec import Start, build, missing_space
from pen_backend.engine.jobs.state import MAX_ATTEMPTS, Job
from pen_backend.engine.models import Models
from pen_backend.engine.scheduler.ending import Ending, publish, publish_snapshot, read_ending, snapshots
from pen_backend.engine.scheduler.start import start_from
from pen_backend.engine.store import Store, find_file
from pen_backend.engine.wire.ids import derived_id
from pen_backend.errors import DataError

LEASE_SECONDS, RENEW_SECONDS = 60.0, 10.0
TICK_SECONDS, REST_SECONDS = 0.1, 30.0
CHECK = 0  # the attempt number of a validation
LASTING = (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR)

_log = logging.getLogger(__name__)


def available_memory() -> int | None:
    """Read how much memory new processes can have; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


class Scheduler:
    """First come, first served; one training job at a time on a device."""

    def __init__(self, store: Store, models: Models, runner: JobRunner, *, trainer_argv: Sequence[str],
                 environ: Mapping[str, str], threads: int, parallel: int = 1, grace: float = 10.0,
                 memory: Callable[[], int | None] = available_memory) -> None:
        self._store = store
        self._models = models
        self._runner = runner
        self._argv = list(trainer_argv)
        self._environ = dict(environ)
        self._threads = threads
        self._parallel = parallel
        self._grace = grace
        self._memory = memory
        self._handles: dict[str, Handle] = {}
        self._checks: dict[str, Handle] = {}
        self._failed_checks: dict[str, int] = {}
        self._leaving: dict[str, threading.Thread] = {}
        self._progress: dict[str, Mapping[str, Any]] = {}
        self._renewed = 0.0
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    # What the rest of the engine asks

    def start(self) -> None:
        """Begin; jobs of an earlier engine are adopted or queued again."""
        self._thread.start()

    def wake(self) -> None:
        """Say that a job was created or changed."""
        self._wake.set()

    def progress(self, job_id: str) -> Mapping[str, Any] | None:
        """Return the trainer's newest progress, which only memory keeps."""
        return self._progress.get(job_id)

    def trainers(self) -> list[Handle]:
        """List the running trainers."""
        return list(self._handles.values())

    def busy(self) -> bool:
        """Say whether any job has not ended."""
        return bool(self._leaving or state.in_states(self._store, "validating_files", "queued", "running"))

    def stop(self) -> None:
        """Let trainers write a checkpoint and end them; their jobs go on when the next engine starts."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        for handle in (*self._handles.values(), *self._checks.values()):
            self._send_home(handle)
        for thread in self._leaving.values():
            thread.join()
        for job in state.in_states(self._store, "running"):
            if job.id in self._handles:
                self._guarded(self._watch, job)

    # The loop

    def _run(self) -> None:
        while not self._stopping:
            try:
                busy = self.tick()
            except Exception:  # a full disk or a bug must not end the loop: jobs would never end
                _log.exception("the scheduler failed and goes on")
                self._wake.wait(1.0)
                busy = True
            self._wake.wait(TICK_SECONDS if busy else REST_SECONDS)
            self._wake.clear()

    def tick(self) -> bool:
        """Do once whatever there is to do; say whether there will be more."""
        self._dismiss()
        running = state.in_states(self._store, "running")
        for job in running:
            self._guarded(self._watch, job)
        self._renew(running)
        waiting = state.in_states(self._store, "validating_files")
        if waiting:
            self._guarded(self._validate, waiting[0])
        running = state.in_states(self._store, "running")
        for job in state.in_states(self._store, "queued")[:max(0, self._parallel - len(running))]:
            self._guarded(self._lease, job)
        return self.busy()

    def _guarded(self, action: Callable[[Job], None], job: Job,
                 otherwise: Callable[[Job, Exception], None] | None = None) -> None:
        """Do one thing for one job; a bug ends this job, so that it cannot keep the others from their turn."""
        try:
            action(job)
        except Exception as error:
            passing = isinstance(error, OSError | sqlite3.OperationalError)
            if passing and getattr(error, "errno", None) not in LASTING:
                raise  # a full disk, too many files: the same will work later
            (otherwise or self._give_up)(job, error)

    def _give_up(self, job: Job, error: Exception) -> None:
        """Fail a job; its process stays recorded until it is gone, so that also the next engine can stop it."""
        _log.error("the job %s fails", job.id, exc_info=error)
        self._store.transact(lambda connection: state.fail_alive(connection, job.id, {
            "code": "internal_error", "message": "The engine failed; its log says more."}))
        handle = self._handles.pop(job.id, None) or self._checks.pop(job.id, None)
        if handle is not None:
            self._send_home(handle)
        else:
            self._directory(job).clean(keep=snapshots(self._store, job))

    def _send_home(self, handle: Handle) -> None:
        """Stop a job's process without waiting for it here; `_dismiss` cleans up when it is gone."""
        if handle.job_id not in self._leaving:
            thread = threading.Thread(target=self._runner.stop, args=(handle,), kwargs={"grace": self._grace})
            self._leaving[handle.job_id] = thread
            thread.start()

    # validating_files -> queued | failed

    def _validate(self, job: Job) -> None:
        start = self._start(job)
        if start is None:
            return
        directory = self._directory(job)
        handle = self._checks.get(job.id)
        if handle is None:
            directory.prepare(self._spec(job, start))
            directory.begin(CHECK)
            self._store.disk.remove(directory.path / "check.json")
            resources = Resources(directory.path, directory.path / "check.log")
            self._checks[job.id] = self._runner.submit(job.id, CHECK, [*self._argv, str(directory.path), "--check"],
                                                       self._environ, resources)
            return
        run = self._runner.poll(handle)
        if run.kind in ("queued", "running"):
            return
        del self._checks[job.id]
        checked = directory.read("check.json")
        if run.code in (0, None) and checked and "examples" in checked:
            self._enqueue(job, start, directory, checked)
            return
        ending = read_ending(run.code, directory)
        if ending.kind == "failed":
            self._store.transact(lambda connection: _tell_findings(connection, job, checked or {}))
            self._fail(job, ending.error or {})
            return
        self._failed_checks[job.id] = self._failed_checks.get(job.id, 0) + 1
        if self._failed_checks[job.id] >= MAX_ATTEMPTS:
            self._fail(job, _lost(directory, "checking the files"))

    def _enqueue(self, job: Job, start: Start, directory: JobDirectory, checked: Mapping[str, Any]) -> None:
        directory.prepare(self._spec(job, start, checked))

        def queue(connection: sqlite3.Connection) -> None:
            _tell_findings(connection, job, checked)
            state.move(connection, job, "queued", message="Files validated, moving job to queued state",
                       total_steps=checked.get("total_steps"))

        self._store.transact(queue)

    # queued -> running | failed

    def _lease(self, job: Job) -> None:
        start = self._start(job)
        directory = self._directory(job)
        refusal = None if start is None else self._refusal(job, start, directory)
        if start is None or refusal is not None:
            if refusal is not None:
                self._fail(job, refusal)
            return
        message = "Fine-tuning job started" if job.attempt == 1 else \
            f"Training goes on from its last checkpoint (attempt {job.attempt})"
        if self._store.transact(lambda connection: state.move(
                connection, job, "running", message=message, lease_until=time.time() + LEASE_SECONDS)):
            self._submit(job, directory)

    def _refusal(self, job: Job, start: Start, directory: JobDirectory) -> dict[str, Any] | None:
        """Say why a job cannot begin now: too little disk, too little memory."""
        missing = missing_space(start, job.options, self._store.disk.free_bytes(self._store.directory))
        if missing is not None:
            return {"code": "no_space", "message": missing}
        memory, available = (directory.read("check.json") or {}).get("memory_bytes"), self._memory()
        if memory and available is not None and memory > available:
            return {"code": "out_of_memory", "message": f"Training needs about {_megabytes(memory)} of memory, and "
                    f"{_megabytes(available)} are available; lower 'max_tokens' or 'batch_size', or train an adapter "
                    "with 'tune: lora'."}
        return None

    def _submit(self, job: Job, directory: JobDirectory) -> None:
        """Start the trainer, or find the one of this attempt that an engine started and had no time to note down."""
        directory.begin(job.attempt)
        handle = self._runner.submit(job.id, job.attempt, [*self._argv, str(directory.path)],
                                     {**self._environ, "PEN_ATTEMPT": str(job.attempt)},
                                     Resources(directory.path, directory.log))
        self._handles[job.id] = handle
        self._store.transact(lambda connection: state.update(connection, job.id, {
            "pid": handle.pid, "pid_start_time": handle.start_time, "boot_id": handle.boot_id}))

    # running -> succeeded | failed | queued

    def _watch(self, job: Job) -> None:
        directory = self._directory(job)
        if job.id not in self._handles:
            if job.pid is not None:
                self._handles[job.id] = _handle(job)
            elif directory.read("result.json") or directory.read("error.json"):
                self._drain(job)
                self._conclude(job, None)
                return
            else:
                self._submit(job, directory)
        run = self._runner.poll(self._handles[job.id])  # before reading: what it wrote before its end is then complete
        self._drain(job)
        if run.kind in ("exited", "lost"):
            self._conclude(job, run.code)

    def _drain(self, job: Job) -> None:
        """Take the trainer's new events into the store, and its snapshots among the models."""
        directory = self._directory(job)
        offset = state.get(self._store, job.id).events_offset
        while True:
            lines, following = read_lines(directory.events, offset)
            if following == offset:
                return
            for line in lines:
                data = line_data(line)
                if line["kind"] == "progress":
                    self._progress[job.id] = data
                elif line["kind"] == "checkpoint" and data.get("public") and not is_final(data, job.total_steps):
                    self._snapshot(job, directory, data)
            self._store.transact(lambda connection: _keep(connection, job, lines, following))  # noqa: B023 - runs at once
            offset = following

    def _snapshot(self, job: Job, directory: JobDirectory, data: Mapping[str, Any]) -> None:
        path = directory.path / str(data.get("path"))
        model = self._models.find(job.model)
        if model is not None and path.is_dir():
            publish_snapshot(self._store, job, start_from(model), model.base, path, data)

    def _conclude(self, job: Job, code: int | None) -> None:
        directory = self._directory(job)
        ending = read_ending(code, directory)
        if ending.kind == "lost" and self._stopping:
            ending = Ending("stopped")  # we sent the signal; an adopted trainer's status is not ours to read
        if ending.kind == "succeeded":
            model = self._models.get(job.model)
            publish(self._store, job, start_from(model), model.base, directory)
            directory.clean(keep=snapshots(self._store, job))
        elif ending.kind == "failed":
            self._fail(job, ending.error or {})
        elif ending.kind == "stopped":
            self._requeue(job, job.attempt, "Training was stopped after a checkpoint and will go on.")
        elif job.attempt >= MAX_ATTEMPTS:
            self._fail(job, _lost(directory, "training"))
        else:
            self._requeue(job, job.attempt + 1, "The trainer died; training will go on from its last checkpoint.")
        self._handles.pop(job.id, None)
        self._progress.pop(job.id, None)

    def _requeue(self, job: Job, attempt: int, message: str) -> None:
        self._store.transact(lambda connection: state.move(connection, job, "queued", message=message, level="warn",
                                                           attempt=attempt))

    def _fail(self, job: Job, error: Mapping[str, Any]) -> None:
        self._store.transact(lambda connection: state.fail(connection, job, error))
        self._directory(job).clean(keep=snapshots(self._store, job))

    # cancelled, or given up

    def _dismiss(self) -> None:
        """Send the processes of ended jobs home, without waiting for them here."""
        for job in state.ended_alive(self._store):
            self._send_home(_handle(job))
        for job_id in list(self._checks):
            if state.get(self._store, job_id).state == "cancelled":
                self._send_home(self._checks.pop(job_id))
        for job_id, thread in list(self._leaving.items()):
            if not thread.is_alive():
                self._guarded(self._gone, state.get(self._store, job_id), self._forget)

    def _gone(self, job: Job) -> None:
        """Take what an ended job's trainer told last, and remove what it left."""
        self._drain(job)
        self._leave(job)

    def _forget(self, job: Job, error: Exception) -> None:
        """Let a job go whose last words or files make no sense."""
        _log.error("what the ended job %s told last is lost", job.id, exc_info=error)
        self._leave(job)

    def _leave(self, job: Job) -> None:
        self._directory(job).clean(keep=snapshots(self._store, job))
        self._store.transact(lambda connection: state.update(connection, job.id, {"pid": None}))
        for known in (self._leaving, self._handles, self._progress):
            known.pop(job.id, None)

    # Small things

    def _start(self, job: Job) -> Start | None:
        model = self._models.find(job.model)
        message = f"The model '{job.model}' is no longer there."
        if model is not None:
            try:
                return start_from(model)
            except DataError as error:
                message = str(error)
        self._fail(job, {"code": "invalid_model", "message": message, "param": "model"})
        return None

    def _spec(self, job: Job, start: Start, checked: Mapping[str, Any] | None = None) -> dict[str, Any]:
        pairs = [(job.training_file, job.training_blob), (job.validation_file, job.validation_blob)]
        blobs = {blob: self._store.blob(blob) for _, blob in pairs if blob}
        names = {blob: self._filename(file) for file, blob in reversed(pairs) if file and blob}
        return build(job, start, blobs=blobs, names=names, threads=self._threads, checked=checked)

    def _filename(self, file_id: str) -> str:
        row = self._store.read(lambda connection: find_file(connection, file_id))
        return file_id if row is None else str(row["filename"])

    def _directory(self, job: Job) -> JobDirectory:
        return JobDirectory(self._store.directory / "jobs" / job.id, self._store.disk)

    def _renew(self, running: Sequence[Job]) -> None:
        """Write down until when a job is surely held: for people; the directory's lock keeps other engines out."""
        if running and time.monotonic() - self._renewed >= RENEW_SECONDS:
            self._renewed = time.monotonic()
            self._store.transact(lambda connection: [state.update(
                connection, job.id, {"lease_until": time.time() + LEASE_SECONDS}, state="running") for job in running])


def _handle(job: Job) -> Handle:
    return Handle(job.id, job.attempt, job.pid or 0, job.pid_start_time or 0, job.boot_id or "")


def _keep(connection: sqlite3.Connection, job: Job, lines: Sequence[Mapping[str, Any]], following: int) -> None:
    """Keep events together with the place up to which they were read."""
    for line in lines:
        take(connection, job.id, line, total_steps=job.total_steps, model_name=job.model_name)
    state.update(connection, job.id, {"events_offset": following})


def _tell_findings(connection: sqlite3.Connection, job: Job, checked: Mapping[str, Any]) -> None:
    """Make the findings of a check events; each has its file and line."""
    for number, finding in enumerate(checked.get("findings") or ()):
        where = f"{finding['where']}: " if finding.get("where") else ""
        level = "error" if finding.get("level") == "error" else "warn"
        add_event(connection, job.id, derived_id("ftevent-", job.id, "finding", number), int(time.time()),
                  message=f"{where}{finding.get('message')}", level=level,
                  data={"kind": "warning", "code": finding.get("code")})


def _lost(directory: JobDirectory, doing: str) -> dict[str, Any]:
    return {"code": "lost", "message": f"The trainer died {MAX_ATTEMPTS} times while {doing}; "
            f"jobs/{directory.path.name}/{directory.log.name} in the engine's directory says more."}


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"

"""The scheduler: one thread that validates, leases, watches, ends and adopts jobs. It may die at any moment."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.directory import JobDirectory
from pen_backend.engine.jobs.running import STOP_SECONDS, Handle, JobRunner, Resources, handle_of
from pen_backend.engine.jobs.spec import Start, build, missing_space
from pen_backend.engine.jobs.state import MAX_ATTEMPTS, Job
from pen_backend.engine.models import Models
from pen_backend.engine.scheduler.ending import Ending, how_it_died, publish, read_ending
from pen_backend.engine.scheduler.leaving import Leaving
from pen_backend.engine.scheduler.memory import available_memory
from pen_backend.engine.scheduler.patience import Patience
from pen_backend.engine.scheduler.reports import Reports, tell_findings
from pen_backend.engine.scheduler.start import start_from
from pen_backend.engine.store import Store, find_file
from pen_backend.errors import DataError

LEASE_SECONDS, RENEW_SECONDS = 60.0, 10.0
TICK_SECONDS, REST_SECONDS = 0.1, 30.0
CHECK = 0  # the attempt number of a validation

_log = logging.getLogger(__name__)


class Scheduler:
    """First come, first served; one training job at a time on a device."""

    def __init__(self, store: Store, models: Models, runner: JobRunner, *, trainer_argv: Sequence[str],
                 environ: Mapping[str, str], threads: int, parallel: int = 1, grace: float = STOP_SECONDS,
                 memory: Callable[[], int | None] = available_memory, patience: Patience | None = None) -> None:
        self._store = store
        self._models = models
        self._runner = runner
        self._argv = list(trainer_argv)
        self._environ = dict(environ)
        self._threads = threads
        self._parallel = parallel
        self._memory = memory
        self._handles: dict[str, Handle] = {}
        self._checks: dict[str, Handle] = {}
        self._failed_checks: dict[str, int] = {}
        self._patience = patience or Patience()
        self._reports = Reports(store, models)
        self._leaving = Leaving(store, runner, self._reports, self._patience, grace=grace)
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
        return self._reports.progress(job_id)

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
            self._leaving.send_home(handle)
        self._leaving.wait()
        for job in state.in_states(self._store, "running"):
            if job.id in self._handles:
                self._try(self._watch, job)

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
        self._end_checks()
        running = state.in_states(self._store, "running")
        for job in running:
            self._try(self._watch, job)
        self._leaving.clear()
        self._renew(running)
        # A job that was paused before its files were checked waits in the queue, and is checked there.
        for job in [job for job in self._ready("validating_files", "queued") if job.total_steps is None][:1]:
            self._try(self._validate, job)
        free = self._parallel - len(state.in_states(self._store, "running"))
        for job in [job for job in self._ready("queued") if job.total_steps is not None][:max(0, free)]:
            self._try(self._lease, job)
        return self.busy()

    def _ready(self, *states: str) -> list[Job]:
        """List the jobs in any of STATES that can be worked on: none that rests after a failure, or still leaves."""
        return [job for job in state.in_states(self._store, *states)
                if not self._patience.rests(job) and job.id not in self._leaving]

    def _try(self, action: Callable[[Job], None], job: Job) -> None:
        """Do one thing for one job; a bug ends this job, so that it cannot keep the others from their turn."""
        self._patience.attempt(job, action, self._give_up)

    def _give_up(self, job: Job, error: Exception) -> None:
        """Fail a job; its process stays recorded until it is gone, so that also the next engine can stop it."""
        _log.error("the job %s fails", job.id, exc_info=error)
        self._store.transact(lambda connection: state.fail_alive(connection, job.id, {
            "code": "internal_error", "message": "The engine failed; its log says more."}))
        handle = self._handles.pop(job.id, None) or self._checks.pop(job.id, None)
        if handle is not None:
            self._leaving.send_home(handle)
        else:
            self._leaving.tidy(job)

    def _end_checks(self) -> None:
        """Send the checks of jobs home that were cancelled or paused meanwhile."""
        for job_id in list(self._checks):
            if state.get(self._store, job_id).state in ("cancelled", "paused"):
                self._leaving.send_home(self._checks.pop(job_id))

    # validating_files -> queued | failed

    def _validate(self, job: Job) -> None:
        start = self._start(job)
        if start is None:
            return
        directory = JobDirectory.of(self._store, job)
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
            self._store.transact(lambda connection: tell_findings(connection, job, checked or {}))
            self._fail(job, ending.error or {})
            return
        self._failed_checks[job.id] = self._failed_checks.get(job.id, 0) + 1
        if self._failed_checks[job.id] >= MAX_ATTEMPTS:
            self._fail(job, _lost(directory, "checking the files", how_it_died(run.code)))

    def _enqueue(self, job: Job, start: Start, directory: JobDirectory, checked: Mapping[str, Any]) -> None:
        directory.prepare(self._spec(job, start, checked))

        def queue(connection: sqlite3.Connection) -> None:
            tell_findings(connection, job, checked)
            total = int(checked.get("total_steps") or 0)
            if job.state == "queued":
                state.update(connection, job.id, {"total_steps": total}, state="queued")
            else:
                state.move(connection, job, "queued", message="Files validated, moving job to queued state",
                           total_steps=total)

        self._store.transact(queue)

    # queued -> running | failed

    def _lease(self, job: Job) -> None:
        start = self._start(job)
        directory = JobDirectory.of(self._store, job)
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

    # running -> succeeded | failed | queued | paused

    def _watch(self, job: Job) -> None:
        directory = JobDirectory.of(self._store, job)
        if job.id not in self._handles:
            if job.pid is not None:
                self._handles[job.id] = handle_of(job)
            elif directory.read("result.json") or directory.read("error.json"):
                self._reports.drain(job, directory)
                self._conclude(job, None)
                return
            else:
                self._submit(job, directory)
        run = self._runner.poll(self._handles[job.id])  # before reading: what it wrote before its end is then complete
        self._reports.drain(job, directory)
        if run.kind in ("exited", "lost"):
            self._conclude(job, run.code)
        elif job.want == "pause":
            self._leaving.send_home(self._handles[job.id], patiently=True)

    def _conclude(self, job: Job, code: int | None) -> None:
        directory = JobDirectory.of(self._store, job)
        ending = read_ending(code, directory)
        if ending.kind == "lost" and (code is None or code < 0) and self._sent_home(job):
            ending = Ending("stopped")  # we sent the signal; an adopted trainer's status is not ours to read
        died = how_it_died(code)
        if ending.kind == "succeeded":
            model = self._models.get(job.model)
            publish(self._store, job, start_from(model), model.base, directory)
            self._leaving.tidy(job)
        elif ending.kind == "failed":
            self._fail(job, ending.error or {})
        elif ending.kind == "stopped":
            self._set_aside(job, "Training was stopped after a checkpoint and will go on.")
        elif job.attempt >= MAX_ATTEMPTS:
            self._fail(job, _lost(directory, "training", died))
        else:
            self._set_aside(job, f"The trainer {died}; training will go on from its last checkpoint.",
                            attempt=job.attempt + 1, interruption=f"The trainer of attempt {job.attempt} {died}.")
        self._handles.pop(job.id, None)
        self._reports.forget(job.id)

    def _sent_home(self, job: Job) -> bool:
        """Say whether a trainer was asked to leave: by this engine, or by one before that left no other trace."""
        return self._stopping or job.want == "pause" or job.id in self._leaving

    def _set_aside(self, job: Job, message: str, **columns: Any) -> None:
        self._store.transact(lambda connection: state.set_aside(connection, job, message=message, **columns))

    def _fail(self, job: Job, error: Mapping[str, Any]) -> None:
        self._store.transact(lambda connection: state.fail(connection, job, error))
        self._leaving.tidy(job)

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

    def _renew(self, running: Sequence[Job]) -> None:
        """Look after what lasts: ballast, logs, and until when a job is surely held.

        The last is for people; the directory's lock keeps other engines out.
        """
        if time.monotonic() - self._renewed < RENEW_SECONDS:
            return
        self._renewed = time.monotonic()
        self._store.ballast.restore()
        for job in running:
            JobDirectory.of(self._store, job).cap_logs()
        if running:
            self._store.transact(lambda connection: [state.update(
                connection, job.id, {"lease_until": time.time() + LEASE_SECONDS}, state="running") for job in running])


def _lost(directory: JobDirectory, doing: str, died: str) -> dict[str, Any]:
    return {"code": "lost", "message": f"The trainer died {MAX_ATTEMPTS} times while {doing}; the last time it {died}. "
            f"jobs/{directory.path.name}/{directory.log.name} in the engine's directory says more."}


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"

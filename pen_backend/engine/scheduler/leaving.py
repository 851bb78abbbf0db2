"""The jobs that are leaving: their processes are sent home, and what they leave behind is cleared away afterwards."""

import logging
import threading
from dataclasses import dataclass

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.directory import JobDirectory
from pen_backend.engine.jobs.running import Handle, JobRunner, handle_of
from pen_backend.engine.jobs.state import Job
from pen_backend.engine.scheduler.ending import snapshots
from pen_backend.engine.scheduler.patience import Patience
from pen_backend.engine.scheduler.reports import Reports
from pen_backend.engine.store import Store

PATIENTLY = 6  # times as long as a process usually has to leave

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Farewell:
    """A process on its way out, and the thread that sees to it."""

    handle: Handle
    thread: threading.Thread


class Leaving:
    """Sends processes home without waiting for them; a job has one process at a time."""

    def __init__(self, store: Store, runner: JobRunner, reports: Reports, patience: Patience, *, grace: float) -> None:
        """GRACE is the time in seconds that a process has to leave by itself."""
        self._store = store
        self._runner = runner
        self._reports = reports
        self._patience = patience
        self._grace = grace
        self._farewells: dict[str, Farewell] = {}

    def __bool__(self) -> bool:
        """Say whether anybody is still on the way out."""
        return bool(self._farewells)

    def __contains__(self, job_id: str) -> bool:
        """Say whether a job's process is on the way out."""
        return job_id in self._farewells

    def send_home(self, handle: Handle, *, patiently: bool = False) -> None:
        """Ask a job's process to leave; `clear` sees when it is gone.

        PATIENTLY is for work that will go on: what a trainer does when it is killed is lost.
        """
        if handle.job_id not in self._farewells:
            grace = self._grace * (PATIENTLY if patiently else 1)
            thread = threading.Thread(target=self._runner.stop, args=(handle,), kwargs={"grace": grace})
            self._farewells[handle.job_id] = Farewell(handle, thread)
            thread.start()

    def clear(self) -> None:
        """See to the jobs that have ended before their processes: send these home, and clear up after those gone."""
        for job in state.ended_alive(self._store):
            if job.pid:
                self.send_home(handle_of(job))
            elif job.id not in self:
                self._patience.attempt(job, self._gone, self._forget)
        for job_id, farewell in list(self._farewells.items()):
            job = state.get(self._store, job_id)
            if farewell.thread.is_alive() or job.state == "running":  # what its end means is seen first
                continue
            if job.state in state.TERMINAL:
                self._patience.attempt(job, self._gone, self._forget)
            else:
                del self._farewells[job_id]

    def wait(self) -> None:
        """Wait until everybody who was sent home is gone."""
        for farewell in list(self._farewells.values()):
            farewell.thread.join()

    def tidy(self, job: Job) -> None:
        """Remove what an ended job no longer needs; what cannot be removed stays, and keeps nobody waiting."""
        try:
            JobDirectory.of(self._store, job).clean(keep=snapshots(self._store, job))
        except OSError as error:
            _log.warning("the files of the ended job %s cannot all be removed: %s", job.id, error.strerror)

    def _gone(self, job: Job) -> None:
        """Take what an ended job's trainer told last, and remove what it left."""
        self._reports.drain(job, JobDirectory.of(self._store, job))
        self._leave(job)

    def _forget(self, job: Job, error: Exception) -> None:
        """Let a job go whose last words or files make no sense."""
        _log.error("what the ended job %s told last is lost", job.id, exc_info=error)
        self._leave(job)

    def _leave(self, job: Job) -> None:
        self.tidy(job)
        self._store.transact(lambda connection: state.update(connection, job.id, {"pid": None}))
        self._farewells.pop(job.id, None)
        self._reports.forget(job.id)

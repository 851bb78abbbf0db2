"""How long the engine bears with what fails for one job: its faults are never the other jobs' matter."""

import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from pen_backend.engine.jobs.state import Job

PATIENCE_SECONDS = 30.0
FIRST_REST, LONGEST_REST = 0.5, 10.0
LASTING = (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR)
# Somebody makes room or closes files some day, and until then nothing is wrong with the job.
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trouble:
    """Since when something fails for a job, and until when it is left alone."""

    since: float
    until: float
    rest: float


class Patience:
    """Does things for one job at a time; one that fails rests, longer each time, while the others have their turn."""

    def __init__(self, *, seconds: float = PATIENCE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        """SECONDS is for faults that may pass or not, as those of a failing disk."""
        self._seconds = seconds
        self._clock = clock
        self._troubles: dict[str, Trouble] = {}

    def rests(self, job: Job) -> bool:
        """Say whether a job is left alone for now."""
        trouble = self._troubles.get(job.id)
        return trouble is not None and self._clock() < trouble.until

    def attempt(self, job: Job, action: Callable[[Job], None], otherwise: Callable[[Job, Exception], None]) -> None:
        """Do ACTION for a job, unless it rests; what fails for good, or for too long, is left to OTHERWISE."""
        if self.rests(job):
            return
        try:
            action(job)
        except Exception as error:
            if self._bears(job, error):
                self._rest(job, error)
                return
            try:
                otherwise(job, error)
            except Exception as another:  # the store's disk may be full as well
                self._rest(job, another)
                return
        self._troubles.pop(job.id, None)

    def _bears(self, job: Job, error: Exception) -> bool:
        """Judge whether to try again: a bug and what is lasting end at once, a full disk never ends a job."""
        if isinstance(error, sqlite3.OperationalError):
            return True
        number = error.errno if isinstance(error, OSError) else None
        if not isinstance(error, OSError) or number in LASTING:
            return False
        trouble = self._troubles.get(job.id)
        return number in PASSING or trouble is None or self._clock() - trouble.since < self._seconds

    def _rest(self, job: Job, error: Exception) -> None:
        now, trouble = self._clock(), self._troubles.get(job.id)
        if trouble is None:
            _log.warning("something fails for the job %s and will be tried again", job.id, exc_info=error)
            self._troubles[job.id] = Trouble(now, now + FIRST_REST, FIRST_REST)
        else:
            trouble.rest = min(2 * trouble.rest, LONGEST_REST)
            trouble.until = now + trouble.rest

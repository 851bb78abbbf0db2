"""How a training program ends: by an exit code, with a failure told in error.json."""

import errno
import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Literal

from pen_backend.errors import Finding, JobError

Code = Literal[
    "invalid_training_file", "invalid_validation_file", "zero_weight", "class_mismatch", "class_first_token",
    "invalid_model", "out_of_memory", "no_space", "training_diverged", "internal_error",
]
"""What a failed job's `error.code` may say (openai-api.md section 5)."""


class Exit(IntEnum):
    """The exit codes the engine's state machine acts on (engine.md section 4).

    UNEXPECTED is what may pass, as a disk that fails to read, and is tried again. After a BUG the job would run into
    the same one, since it resumes with the same data in the same state: it ends, with Python's own status for that.
    """

    DONE = 0
    BUG = 1
    SPEC = 64
    DATA = 65
    MODEL = 66
    UNEXPECTED = 70
    MEMORY = 71
    NO_SPACE = 73
    STOPPED = 75
    DIVERGED = 76


class TrainingError(JobError):
    """Training cannot go on; says why, and with which exit code the program leaves."""

    def __init__(self, exit_: Exit, code: Code, message: str, *, param: str | None = None, where: str | None = None,
                 findings: Sequence[Finding] = ()) -> None:
        super().__init__(message, where=where, findings=findings)
        self.exit = exit_
        self.code = code
        self.param = param

    def to_json(self) -> dict[str, str | int | None]:
        """Shape it as error.json; the exit status is for an engine that did not start this trainer."""
        return {"code": self.code, "message": self.message, "param": self.param, "where": self.where,
                "exit": int(self.exit)}


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The program was asked to stop and has reached a place where it can."""


def rank_from_environment() -> int:
    """Return which process of several this is, as their launcher says; alone it is the first."""
    return int(os.environ.get("RANK", "0"))


@dataclass(slots=True)
class Stop:
    """Whether somebody asked the program to stop; a signal handler sets it. While LOADING there is nothing to save."""

    requested: bool = False
    loading: bool = False

    def check(self) -> None:
        """Leave here if so."""
        if self.requested:
            raise Stopped


PACKAGE = Path(__file__).parents[2]
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PASSING = frozenset({errno.EIO, errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
                     errno.ENOLCK, errno.ESTALE, errno.ETIMEDOUT, errno.ECONNABORTED, errno.ECONNREFUSED,
                     errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPIPE})
# What torch's own classes and texts have in common when an accelerator or another rank has failed.
PASSING_CLASSES = ("AcceleratorError", "DistBackendError", "DistNetworkError", "DistStoreError")
PASSING_TEXTS = ("can't start new thread", "CUDA error", "CUBLAS_STATUS", "CUDNN_STATUS", "HIP error", "NCCL error")
OF_THE_PROGRAM = ("device-side assert", "illegal memory access")


def from_exception(error: BaseException) -> TrainingError:
    """Name the way out for anything raised while training; an exception nobody foresaw may pass, or is a bug."""
    if isinstance(error, TrainingError):
        return error
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return TrainingError(Exit.NO_SPACE, "no_space", "The disk is full; free some space and start the job again.",
                       where=str(error.filename) if error.filename else None)
    if is_out_of_memory(error):
        return TrainingError(Exit.MEMORY, "out_of_memory",
                       "Memory ran out; lower batch_size or max_tokens, or train an adapter with tune: lora.")
    if may_pass(error):
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        return TrainingError(Exit.UNEXPECTED, "internal_error",
                             f"Training was interrupted ({reason}); the job's log has the details.")
    return TrainingError(Exit.BUG, "internal_error", f"Training failed by a fault in pen itself ({type(error).__name__}"
                   f"{_place(error)}), which would come again; the job's log has the details, please report it.")


def may_pass(error: BaseException) -> bool:
    """Tell whether the same work may succeed at another time: the machine has failed, not the program or the data."""
    text = str(error)
    if isinstance(error, OSError):
        return error.errno in PASSING
    return isinstance(error, RuntimeError) and not any(words in text for words in OF_THE_PROGRAM) and (
        type(error).__name__ in PASSING_CLASSES or any(words in text for words in PASSING_TEXTS))


def _place(error: BaseException) -> str:
    """Say where in pen's own files an error came up; what it says may hold people's texts."""
    places = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [f"{path.relative_to(PACKAGE)}:{line}" for path, line in places if path.is_relative_to(PACKAGE)]
    return f" at {own[-1]}" if own else ""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether ERROR is an allocation that failed, on the CPU or a GPU; torch has no one class for both."""
    text = str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and ("not enough memory" in text or "can't allocate memory" in text))

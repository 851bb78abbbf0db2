"""How a training program ends: its exit codes, and the failure that error.json tells."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from pen_backend.errors import Finding, JobError

Code = Literal[
    "invalid_training_file", "invalid_validation_file", "zero_weight", "class_mismatch", "class_first_token",
    "invalid_model", "out_of_memory", "no_space", "training_diverged", "internal_error",
]
"""What a failed job's `error.code` may say (openai-api.md section 5)."""


class Exit(IntEnum):
    """The exit codes the engine's state machine acts on (engine.md section 4)."""

    DONE = 0
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

    def to_json(self) -> dict[str, str | None]:
        """Shape it as error.json."""
        return {"code": self.code, "message": self.message, "param": self.param, "where": self.where}


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


NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def from_exception(error: BaseException) -> TrainingError:
    """Name the way out for anything raised while training; an unknown exception is an unexpected error."""
    if isinstance(error, TrainingError):
        return error
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return TrainingError(Exit.NO_SPACE, "no_space", "The disk is full; free some space and start the job again.",
                       where=str(error.filename) if error.filename else None)
    if is_out_of_memory(error):
        return TrainingError(Exit.MEMORY, "out_of_memory",
                       "Memory ran out; lower batch_size or max_tokens, or train an adapter with tune: lora.")
    return TrainingError(Exit.UNEXPECTED, "internal_error", f"Training stopped unexpectedly ({type(error).__name__}); "
                   "the job's log has the details.")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether ERROR is an allocation that failed, on the CPU or a GPU; torch has no one class for both."""
    text = str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and ("not enough memory" in text or "can't allocate memory" in text))

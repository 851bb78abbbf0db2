"""The error tree: one class for each decision a caller can make.

PenError
├── BadParamsError      bad-params       an argument's name or type is wrong
├── NotFoundError       not-found        no such prompt, job, model or file
├── ConfigError         config           a setting is wrong
├── PromptError         prompt           a prompt definition is invalid; carries its findings
├── DataError           data             a training file or record is invalid; carries its findings
├── TooLargeError       too-large        a documented limit is exceeded
├── AuthError           auth             a key or token is missing or refused
├── UpstreamError       upstream         the provider failed
├── BusyError           busy             a pool or queue is full; try later
├── VersionError        version          the two ends speak different protocols
├── InternalError       internal         a bug in pen; the log has the traceback
├── ConnectionLostError connection-lost  the other process died
├── StartError          start            the other process did not come up
├── JobError            job              training failed
├── CancelledError      cancelled        somebody stopped it
├── RefusedError        refused          it needs a confirmation that was not given
└── DeadlineError       deadline         time ran out

A kind has one name in Python (`DataError`), on the wire (`data`) and in Emacs (`pen-data-error`).
"""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Level = Literal["error", "warning", "note"]


def advised(message: str, hint: str | None) -> str:
    """Join what is wrong and what to do: as two sentences, or as two halves of one."""
    if not hint:
        return message
    if message.endswith((".", "?", "!")):
        return f"{message} {hint[:1].upper()}{hint[1:]}"
    return f"{message}. {hint}" if hint[:1].isupper() else f"{message}; {hint}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong, or worth knowing, at one place of a definition, a data file or a build.

    `code` is a closed vocabulary (prompts.md section 6, datasets.md section 7); `where` is FILE, FILE:LINE or
    FILE:LINE:COLUMN; `message` never quotes a row's text, because logs and error bodies travel.
    """

    code: str
    message: str
    where: str | None = None
    hint: str | None = None
    level: Level = "error"
    pointer: str | None = None

    def __str__(self) -> str:
        """Render as one line that compilation-mode and flymake can follow."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return advised(text, self.hint)


class PenError(Exception):
    """Anything pen says went wrong: one sentence, what to do about it, and where it happened."""

    kind: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None,
                 findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.findings = tuple(findings)

    def __str__(self) -> str:
        """Render as one line for a terminal: place, sentence, advice."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        return advised(text, self.hint)


class BadParamsError(PenError):
    """An argument's name or type is wrong."""

    kind = "bad-params"
    exit_code = 1


class NotFoundError(PenError):
    """There is no such prompt, job, model or file."""

    kind = "not-found"
    exit_code = 1


class ConfigError(PenError):
    """A setting is wrong."""

    kind = "config"
    exit_code = 1


class PromptError(PenError):
    """A prompt definition is invalid."""

    kind = "prompt"
    exit_code = 2


class DataError(PenError):
    """A training file, a record or a value is invalid."""

    kind = "data"
    exit_code = 2


class TooLargeError(PenError):
    """A documented limit is exceeded."""

    kind = "too-large"
    exit_code = 2


class AuthError(PenError):
    """A key or token is missing or was refused."""

    kind = "auth"


class UpstreamError(PenError):
    """The provider failed, or answered something that is no answer."""

    kind = "upstream"


class BusyError(PenError):
    """A pool or a queue is full; the same call may succeed later."""

    kind = "busy"


class VersionError(PenError):
    """The two ends of a wire speak different protocols."""

    kind = "version"


class InternalError(PenError):
    """A bug in pen."""

    kind = "internal"


class ConnectionLostError(PenError):
    """The process at the other end died."""

    kind = "connection-lost"


class StartError(PenError):
    """A process did not come up in time."""

    kind = "start"


class JobError(PenError):
    """Training failed."""

    kind = "job"
    exit_code = 4


class CancelledError(PenError):
    """Somebody stopped it."""

    kind = "cancelled"
    exit_code = 4


class RefusedError(PenError):
    """It needs a confirmation that was not given, or a setting forbids it."""

    kind = "refused"
    exit_code = 5


class DeadlineError(PenError):
    """Time ran out."""

    kind = "deadline"
    exit_code = 124


def foreseen(error: BaseException) -> PenError | None:
    """Return what pen says of an error that any use of a file's name may raise; None for others."""
    if isinstance(error, PenError):
        return error
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return BadParamsError(f"'{str(error.filename)[:40]}…' is longer than a file's name can be.",
                              hint="Name another file.")
    return None

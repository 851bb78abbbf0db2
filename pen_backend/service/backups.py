"""A backup of the local engine's store as a file, written whole or not at all; the engine's program reads it back."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pen_backend.errors import ConfigError, InternalError, PenError
from pen_backend.files import Disk, temporary_name

PROGRAM = (sys.executable, "-P", "-m", "pen_backend.engine.restore")

Run = Callable[[Sequence[str], Mapping[str, str]], "subprocess.CompletedProcess[str]"]


def write(pieces: Iterator[bytes], out: Path, disk: Disk) -> int:
    """Write a tar as it comes into OUT, private to the user; return its bytes. ConfigError if that cannot be."""
    temporary, size = temporary_name(out), 0
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb"):
            for piece in pieces:
                disk.append(descriptor, piece)
                size += len(piece)
            disk.sync(descriptor)
        disk.publish(temporary, out)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}.", hint="Name another file.") from error
    finally:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
    return size


def restore(archive: Path, state: Path, environ: Mapping[str, str], *, replace: bool,
            run: Run | None = None) -> dict[str, Any]:
    """Let the engine's own program make ARCHIVE the store of STATE; return what it says, or raise its error."""
    done = (run or _run)([*PROGRAM, "--state", str(state), *(["--replace"] if replace else []), "--", str(archive)],
                         environ)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise InternalError(f"The restore failed ({last}).", hint="Run it again.") from None
    error = told.pop("error", None)
    if error is not None:
        kinds = {kind.kind: kind for kind in PenError.__subclasses__()}
        raise kinds.get(error["kind"], InternalError)(error["message"], hint=error["hint"], where=error["where"])
    return dict(told)


def _run(argv: Sequence[str], environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(list(argv), env=dict(environ), check=False, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)

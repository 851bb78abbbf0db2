"""Who has a directory: one process at a time; a second one would end the first one's promises."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from pen_backend.errors import StartError
from pen_backend.files import take_lock


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Hold the store of DIRECTORY for this process; StartError if another one does."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not take_lock(descriptor):
            raise StartError(f"Another engine already uses {directory}.")
        yield
    finally:
        os.close(descriptor)


def is_held(lock: Path) -> bool:
    """Say whether a process holds a lock file, as a trainer holds its job's."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not take_lock(descriptor)
    finally:
        os.close(descriptor)

"""Disks for tests: one that does not wait for the platter, one that fails at its n-th call."""

import errno
import os
from pathlib import Path

from pen_backend.files import Disk


class QuickDisk(Disk):
    """Writes without syncing: nobody pulls the plug on a test."""

    def sync(self, descriptor: int) -> None:
        pass


def opened(descriptor: int) -> Path:
    """Say which file or directory is open."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()


class FullDisk(QuickDisk):
    """Counts writes, appends, syncs and renames, and fails at number N, once or for good.

    A failing write leaves half of its bytes. With `below`, only what happens to files under that directory counts.
    """

    def __init__(self, n: int, error: int = errno.ENOSPC, *, for_good: bool = False, below: Path | None = None) -> None:
        self.calls = 0
        self._n = n
        self._error = error
        self._for_good = for_good
        self._below = below

    def _fails(self, path: Path | None = None) -> bool:
        if self._below and not (path and path.is_relative_to(self._below)):
            return self._for_good and self.calls >= self._n
        self.calls += 1
        return self.calls == self._n or (self._for_good and self.calls > self._n)

    def _raise(self) -> None:
        raise OSError(self._error, os.strerror(self._error))

    def write(self, path: Path, data: bytes) -> None:
        if self._fails(path):
            path.write_bytes(data[: len(data) // 2])
            self._raise()
        super().write(path, data)

    def append(self, descriptor: int, data: bytes) -> None:
        if self._fails(opened(descriptor)):
            os.write(descriptor, data[: len(data) // 2])
            self._raise()
        super().append(descriptor, data)

    def sync(self, descriptor: int) -> None:
        if self._fails(opened(descriptor)):
            self._raise()

    def publish(self, temporary: Path, final: Path) -> None:
        if self._fails(final):
            self._raise()
        super().publish(temporary, final)

"""Room kept for the moment when the disk is full: given up, it lets the engine write down what has happened."""

import os
from pathlib import Path

from pen_backend.files import Disk, temporary_name

BALLAST_BYTES = 16 << 20
LEAST_BYTES = 64 << 10
PLENTY = 4  # times the ballast must be free before it is laid up, so that it is not what fills the disk


class Ballast:
    """A file of zeros that takes up real room."""

    def __init__(self, path: Path, disk: Disk, *, size: int = BALLAST_BYTES) -> None:
        self._path = path
        self._disk = disk
        self._size = size
        self._missing = False

    def restore(self) -> None:
        """Lay up the room again that was given up, or for which there was none."""
        if self._missing:
            self.fill()

    def fill(self) -> bool:
        """Lay up the room, on a small disk as much less as it has to be; say whether there is any."""
        held = self._path.stat().st_size if self._path.exists() else 0
        self._missing = held < self._size
        if self._missing:
            held = max(held, self._reserve(held))
            self._missing = held < self._size
        return held > 0

    def _reserve(self, held: int) -> int:
        """Lay up more than is HELD, if that is worth it; say how much."""
        temporary = temporary_name(self._path)
        try:
            size = min(self._size, self._disk.free_bytes(self._path.parent) // PLENTY)
            if size < max(min(LEAST_BYTES, self._size), 2 * held):
                return 0
            self._disk.reserve(temporary, size)
            self._disk.publish(temporary, self._path)
        except OSError:  # somebody else was faster to fill the disk
            self._disk.remove(temporary)
            return 0
        return size

    def give_up(self) -> bool:
        """Make the room free; say whether there was any."""
        try:
            os.unlink(self._path)  # noqa: PTH108 - also that it was not there must be known
        except FileNotFoundError:
            return False
        self._missing = True
        return True

"""The real engine with other programs: python -P engine.py STATE SETTINGS-AS-JSON."""

import errno
import json
import sys
from pathlib import Path

from pen_backend.engine.__main__ import run
from pen_backend.engine.server import Settings
from pen_backend.files import Disk


class NearlyFullDisk(Disk):
    """A disk with so many free bytes, or one that takes no more uploads."""

    def __init__(self, free: int | None = None, full: bool = False) -> None:
        self._free = free
        self._full = full

    def free_bytes(self, path: Path) -> int:
        return super().free_bytes(path) if self._free is None else self._free

    def append(self, descriptor: int, data: bytes) -> None:
        if self._full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(descriptor, data)


if __name__ == "__main__":
    state = Path(sys.argv[1])
    given = json.loads(sys.argv[2])
    given["bases"] = [Path(path) for path in given["bases"]]
    given["disk"] = NearlyFullDisk(**given.pop("disk", {}))
    sys.exit(run(Settings(state, **given), state / "engine.json"))

"""Blobs being written: counted, hashed and limited while they come."""

import hashlib
from pathlib import Path
from typing import BinaryIO

from pen_backend.errors import TooLargeError
from pen_backend.files import Disk

CHUNK = 1 << 20  # bytes at a time


class BlobWriter:
    """Write a file while counting, hashing and limiting its bytes."""

    def __init__(self, path: Path, *, limit: int, disk: Disk) -> None:
        self.bytes = 0
        self._limit = limit
        self._disk = disk
        self._hash = hashlib.sha256()
        self._stream: BinaryIO = path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        """Append DATA, or refuse when the file grows over its limit."""
        self.bytes += len(data)
        if self.bytes > self._limit:
            raise TooLargeError(f"The file is larger than {self._limit:,} bytes.")
        self._hash.update(data)
        self._disk.append(self._stream.fileno(), data)

    def finish(self) -> str:
        """Sync the file and return its hash."""
        self._disk.sync(self._stream.fileno())
        self._stream.close()
        return self._hash.hexdigest()

    def abandon(self) -> None:
        """Close the file; whoever named it removes it."""
        self._stream.close()

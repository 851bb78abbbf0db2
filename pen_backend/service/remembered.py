"""Answers of definitions with `cache: on`: the same request is answered again without the model.

Small files of the cache directory, private to the user, named by a hash of all that decides an answer. Whoever wants
new ones removes the directory; nothing else depends on it.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pen_backend.files import Disk, write_atomic

MOST = 1_000  # answers kept; the oldest go first


class Remembered:
    """The answers of one directory, which is made when the first is kept."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self._directory = directory
        self._disk = disk

    def find(self, asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the answer to a request; None if there is none that can be read."""
        try:
            answer = json.loads(self._path(asked).read_bytes())
        except (OSError, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def keep(self, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Remember an answer; a disk that is full only means that it is asked for again."""
        with contextlib.suppress(OSError):
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(self._path(asked), json.dumps(answer, ensure_ascii=False).encode(), self._disk)
            kept = sorted(self._directory.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
            for path in kept[:-MOST]:
                self._disk.remove(path)

    def _path(self, asked: Mapping[str, Any]) -> Path:
        text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
        return self._directory / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"

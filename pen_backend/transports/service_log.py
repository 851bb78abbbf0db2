"""The service's log: a file in the state directory, rotated, private, without secrets, whose lines have numbers."""

import logging
import os
import threading
from pathlib import Path

from pen_backend.secrets import Redaction

MOST = 5 * 1024 * 1024
KEPT = 5
NEIGHBOURS = ("epc", "httpx2", "httpcore2", "openai", "transformers", "urllib3")


class ServiceLog(logging.Handler):
    """Appends each record by one write, so that two services may share the file; opened at the first record."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self.path = path
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"))
        self.addFilter(Redaction())
        self._rotating = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a log that cannot be written is no reason to fail."""
        try:
            data = (self.format(record) + "\n").encode("utf-8", "replace")
            with self._rotating:
                self._rotate()
                descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.write(descriptor, data)
                finally:
                    os.close(descriptor)
        except OSError:
            return

    def note(self, error: BaseException, method: str) -> int | None:
        """Log ERROR with its traceback and return the number of the record's first line, None if it is not there."""
        mark = f"{method} failed ({os.urandom(4).hex()})"
        logging.getLogger("pen_backend").error(mark, exc_info=error)
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError:
            return None
        return next((number for number in range(len(lines), 0, -1) if mark.encode() in lines[number - 1]), None)

    def _rotate(self) -> None:
        try:
            if self.path.stat().st_size < MOST:
                return
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return
        for number in range(KEPT - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)


def install(path: Path) -> ServiceLog:
    """Send everything that is logged to PATH and nothing to a wire; neighbours only when they warn."""
    handler = ServiceLog(path)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in NEIGHBOURS:
        neighbour = logging.getLogger(name)
        neighbour.handlers[:] = []
        neighbour.setLevel(logging.WARNING)
    return handler

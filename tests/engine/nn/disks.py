"""A disk for tests that asks a job to stop."""

from pen_backend.engine.nn.outcome import Stop
from tests.disks import QuickDisk


class StopsAt(QuickDisk):
    """Asks to stop when a line of the journal contains a text."""

    def __init__(self, text: str, stop: Stop) -> None:
        self._text = text.encode()
        self._stop = stop

    def append(self, descriptor: int, data: bytes) -> None:
        super().append(descriptor, data)
        self._stop.requested = self._stop.requested or self._text in data

"""A request and its answer under way: what they may take at most, and how they are ended from outside.

A provider may be slow, broken or hostile. Timeouts are of one read each, so that a byte now and then keeps a call alive
for ever; here a call has one end in time, whatever comes, and an answer has a size.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from pen_backend.errors import DeadlineError, PenError, UpstreamError
from pen_backend.words import count

COMPLETION_SECONDS, JOB_SECONDS, UPLOAD_SECONDS = 300.0, 60.0, 600.0
ANSWER_BYTES = 64 << 20  # of a call, all pages of a list together, when unpacked
ANSWER_VALUES = 250_000  # of an answer in JSON; of three bytes, "{},", openai makes six hundred, and takes its time
LINE_BYTES = 1 << 20     # of a stream of events


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a call may take at most: seconds with every repetition, bytes of its answer, values, bytes of a line.

    VALUES is None where the answer is trusted: pen's own engine tells as many as it was asked for.
    """

    completion: float = COMPLETION_SECONDS
    job: float = JOB_SECONDS
    upload: float = UPLOAD_SECONDS
    answer: int = ANSWER_BYTES
    values: int | None = ANSWER_VALUES
    line: int = LINE_BYTES


USUAL = Bounds()


class Exchange:
    """One call under way; `end` may be called from any thread at any time, also before there is a connection."""

    def __init__(self, host: str, bounds: Bounds, *, endless: bool = False) -> None:
        """HOST is named in errors; an ENDLESS answer has no size of its own, such as a model that is exported."""
        self.ended: PenError | None = None
        self._host = host
        self._bounds = bounds
        self._endless = endless
        self._connection: Any = None
        self._received = self._line = self._values = 0
        self._over = threading.Event()

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """End the call when it has taken so many SECONDS, in whatever it waits then."""
        late = DeadlineError(f"{self._host} did not finish its answer within {count(int(seconds), 'second')}.",
                             hint="Try again, or ask for less at once.")
        timer = threading.Timer(seconds, self.end, (late,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def begin(self) -> None:
        """Make ready for a request, the first or one more; what has ended the call already is raised."""
        self.check()
        self._connection = None
        self._received = self._line = self._values = 0

    def check(self) -> None:
        """Raise what has ended the call, if anything has."""
        if self.ended is not None:
            raise self.ended

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note the connection, of which httpx tells as soon as it stands."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._connection = info["return_value"]
            if self.ended is not None:
                self._hang_up()

    def end(self, why: PenError) -> None:
        """End the call now, also while another thread waits for its answer, its next chunk, or to ask once more."""
        self.ended = self.ended or why
        self._over.set()
        self._hang_up()

    def wait(self, seconds: float) -> None:
        """Sleep, until the call is ended at most."""
        self._over.wait(seconds)

    def received(self, piece: bytes, *, lines: bool, values: bool) -> None:
        """Count a piece of the answer; UpstreamError if it is too much, in VALUES or a LINE, too."""
        self._received += len(piece)
        if self._received > self._bounds.answer and not self._endless:
            raise self._too_much("one answer", self._bounds.answer)
        if values and self._bounds.values is not None:  # those within texts, too: nothing is parsed yet
            self._values += piece.count(b",") + piece.count(b"[") + piece.count(b"{")
            if self._values > self._bounds.values:
                raise self._too_much("one answer", self._bounds.values, "values")
        for part in piece.splitlines(keepends=True) if lines else ():
            self._line += len(part)
            if self._line > self._bounds.line:
                raise self._too_much("one line of a stream", self._bounds.line)
            if part.endswith((b"\n", b"\r")):
                self._line = 0

    def _too_much(self, what: str, most: int, of: str = "bytes") -> UpstreamError:
        return UpstreamError(f"{self._host} sent more than {most:,} {of} in {what}, and pen has stopped reading.",
                             hint="Ask for less at once, or check the provider's address.")

    def _hang_up(self) -> None:
        with contextlib.suppress(Exception):  # there is no connection yet, or it is closed already
            # Closing a socket does not wake a thread that reads from it; shutting it down does.
            self._connection.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


under_way: ContextVar[Exchange | None] = ContextVar("under_way", default=None)
"""The exchange that the requests of this thread belong to."""

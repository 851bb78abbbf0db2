"""Events of long requests: merged, in order, one terminal event, and a producer that waits for a slow reader.

A request's deltas leave at once the first time, then every 30 ms or at 1 KB. While the wire is blocked they merge; at
1 MB the producer waits, so the HTTP stream behind it is not read and the engine slows down (link.md, section 8).
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pen_backend.errors import InternalError, PenError
from pen_backend.transports.epc_codec import Symbol, frame
from pen_backend.transports.writers import Unwritable, plist

PAUSE = 0.030         # seconds between two frames of deltas
EARLY = 1024          # characters that need not wait for it
HELD = 1024 * 1024    # characters a request may hold
LOGS = 1000           # log events a request may hold
POINTS = 10_000       # steps a progress event may tell of, its own apart
GRACE = 0.9           # seconds a cancelled method has to return what it has

SYMBOLS: Final[Mapping[str, frozenset[str]]] = {  # words that are symbols on the wire
    "what": frozenset({"text", "sample", "checkpoint", "warning"}),
    "level": frozenset({"error", "warning", "note", "info", "debug"}),
}
KINDS = frozenset({"delta", "progress", "log"})
POINT = ("step", "loss", "valid_loss", "tokens")  # what a curve needs of a step

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pending:
    """One event that waits; of deltas, a group by candidate.

    Of progress, POINT is its step for a curve, and POINTS are those of the events that it stands for.
    """

    kind: str
    text: str = ""
    deltas: dict[int, list[str]] = field(default_factory=dict)
    point: str = ""
    points: list[str] = field(default_factory=list)


class Stream:
    """One request's events; what a streaming method gets as `events`."""

    def __init__(self, name: str, flusher: "Flusher") -> None:
        self.id = name
        self._flusher = flusher
        self._changed = flusher.changed  # one lock for all streams, held for moments
        self._pending: deque[_Pending] = deque()
        self._texts: dict[int, list[str]] = {}
        self._callbacks: list[Callable[[], object]] = []
        self._cancelled = False
        self._give_up_at: float | None = None
        self._held = 0
        self._logs = 0
        self._dropped = 0
        self._next_delta = 0.0
        self._sequence = 0
        self._ended = False
        self.opened = False
        self.started = False

    # What the method calls.

    @property
    def cancelled(self) -> bool:
        """True once somebody asked to stop."""
        return self._cancelled

    def send(self, kind: str, **data: object) -> None:
        """Report something; ignored after the end, and waits while much is unread."""
        if kind == "delta":
            self._delta(data)
            return
        if kind not in KINDS:
            raise InternalError(f"A method cannot send the event {kind}.")
        event = _Pending(kind, _data(kind, data))
        if kind == "progress" and "step" in data:
            event.point = plist({name: data[name] for name in POINT if data.get(name) is not None})
        with self._changed:
            if self._ended:
                return
            if kind == "progress":
                self._replace_progress(event)
            elif self._logs >= LOGS:
                self._drop_log()
            self._logs += kind == "log"
            self._pending.append(event)
            self._changed.notify_all()

    def on_cancel(self, function: Callable[[], object]) -> None:
        """Have FUNCTION called once when the request is cancelled; at once if it has been."""
        with self._changed:
            if not self._cancelled:
                self._callbacks.append(function)
                return
        function()

    # What the dispatcher calls.

    def open(self) -> None:
        """Let events leave: the caller has the id now."""
        with self._changed:
            self.opened = True
            self._changed.notify_all()

    def start(self) -> bool:
        """Mark that the method runs; False if it was cancelled before."""
        with self._changed:
            self.started = True
            return not self._ended

    def done(self, value: str | None) -> None:
        """End with the printed VALUE; None if a cancelled method returned nothing."""
        with self._changed:
            self._end("done", self._done_text(value))

    def fail(self, plist_text: Callable[[str | None], str]) -> None:
        """End with an error; PLIST_TEXT makes its plist from the text already produced."""
        with self._changed:
            self._end("error", plist_text(self._partial()))

    def cancel(self) -> bool:
        """Ask the method to stop; True if this call was the one that did."""
        with self._changed:
            if self._ended or self._cancelled:
                return False
            self._cancelled = True
            self._give_up_at = time.monotonic() + GRACE
            callbacks, self._callbacks = self._callbacks, []
            if not self.started:
                self._end("done", self._done_text(None))
            self._changed.notify_all()
        if callbacks:  # closing a connection may take a moment, and the reader must not wait for it
            threading.Thread(target=_call_all, args=(callbacks,), name=f"cancel-{self.id}", daemon=True).start()
        return True

    # What the flusher calls, with the lock held.

    def due(self, now: float) -> float | None:
        """When there is something to send: a time not after NOW if at once, None if there is nothing."""
        if not self.opened:
            return None
        if self._give_up_at is not None and not self._ended:
            if now >= self._give_up_at:
                self._end("done", self._done_text(None))
            elif not self._pending:
                return self._give_up_at
        if not self._pending:
            return None
        if len(self._pending) == 1 and self._pending[0].kind == "delta" and self._held < EARLY:
            return self._next_delta
        return now

    def take(self, now: float) -> tuple[bytes, bool]:
        """Return the next frame, and whether it is the last."""
        head = self._pending[0]
        if head.kind == "delta":
            index = next(iter(head.deltas))
            text = "".join(head.deltas.pop(index))
            self._held -= len(text)
            self._next_delta = now + PAUSE
            body = plist({"index": index, "text": text})
            if not head.deltas:
                self._pending.popleft()
        else:
            body = self._pending.popleft().text
            if head.points:
                body = f"{body[:-1]} :points ({' '.join(head.points)}))"
            if head.kind == "log":
                self._logs -= 1
                if self._dropped:
                    body = f"{body[:-1]} :dropped {self._dropped})"
                    self._dropped = 0
        last = head.kind in ("done", "error")
        try:
            data = self._frame(head.kind, body)
        except PenError as error:  # too large for the wire: that is how this request ends
            self._ended, last = True, True
            self._pending.clear()
            data = self._frame("error", self._flusher.plist_of(error))
        self._sequence += 1
        return data, last

    def _frame(self, kind: str, body: str) -> bytes:
        return frame(f'(call 0 pen-event ("{self.id}" {self._sequence} {kind} {body}))')

    def _delta(self, data: Mapping[str, object]) -> None:
        index, text = data.get("index", 0), data.get("text")
        if type(index) is not int or not isinstance(text, str) or data.keys() - {"index", "text"}:
            raise InternalError("A delta has an index and a text.")
        if not text:
            return
        _data("delta", {"text": text})  # raises if it cannot be written
        with self._changed:
            while self._held > HELD and not self._ended and not self._cancelled:
                self._changed.wait(1.0)
            if self._ended:
                return
            if not self._pending or self._pending[-1].kind != "delta":
                self._pending.append(_Pending("delta"))
            self._pending[-1].deltas.setdefault(index, []).append(text)
            self._texts.setdefault(index, []).append(text)
            self._held += len(text)
            self._changed.notify_all()

    def _replace_progress(self, event: _Pending) -> None:
        """Drop the progress that waits: only the newest counts, but a curve loses no step by it."""
        for one in self._pending:
            if one.kind == "progress":
                event.points = one.points
                if one.point and len(event.points) < POINTS:
                    event.points.append(one.point)
                self._pending.remove(one)
                return

    def _drop_log(self) -> None:
        oldest = next(one for one in self._pending if one.kind == "log")
        self._pending.remove(oldest)
        self._logs -= 1
        self._dropped += 1

    def _partial(self) -> str | None:
        if not self._texts:
            return None
        return "\n".join("".join(self._texts[index]) for index in sorted(self._texts))

    def _done_text(self, value: str | None) -> str:
        reason = "cancelled" if self._cancelled else "finished"
        partial = f" {plist({'partial': self._partial()})[1:-1]}" if value is None and self._texts else ""
        return f"(:reason {reason} :value {value or 'nil'}{partial})"

    def _end(self, kind: str, text: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._callbacks = []
        self._pending.append(_Pending(kind, text))
        self._changed.notify_all()


class Flusher:
    """One thread that writes all requests' events, round robin, one frame each."""

    def __init__(self, write: Callable[[bytes], None], plist_of: Callable[[PenError], str]) -> None:
        """WRITE may block while the reader is slow. PLIST_OF prints an error."""
        self.changed = threading.Condition()
        self.plist_of = plist_of
        self._write = write
        self._streams: dict[str, Stream] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def stream(self, name: str) -> Stream:
        """Begin a request's events; none leaves before it is opened."""
        stream = Stream(name, self)
        with self.changed:
            self._streams[name] = stream
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()
        return stream

    def forget(self, name: str) -> None:
        """Drop a request that never began."""
        with self.changed:
            self._streams.pop(name, None)

    def find(self, name: str) -> Stream | None:
        """Find a request that has not ended, by id."""
        with self.changed:
            return self._streams.get(name)

    def cancel_all(self) -> None:
        """Cancel every request."""
        with self.changed:
            streams = list(self._streams.values())
        for stream in streams:
            stream.cancel()

    def close(self) -> None:
        """Send nothing any more, and let the thread end."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    def _run(self) -> None:
        while (data := self._next()) is not None:
            self._write(data)

    def _next(self) -> bytes | None:
        with self.changed:
            while not self._closed:
                now = time.monotonic()
                soonest: float | None = None
                for name, stream in self._streams.items():
                    due = stream.due(now)
                    if due is not None and due <= now:
                        data, last = stream.take(now)
                        del self._streams[name]  # to the end of the line, or out of it
                        if not last:
                            self._streams[name] = stream
                        self.changed.notify_all()  # a producer may wait for room
                        return data
                    if due is not None and (soonest is None or due < soonest):
                        soonest = due
                self.changed.wait(None if soonest is None else soonest - now)
            return None


def _data(kind: str, data: Mapping[str, object]) -> str:
    words = {name: Symbol(value) if isinstance(value, str) and value in SYMBOLS.get(name, ()) else value
             for name, value in data.items()}
    try:
        return plist(words)
    except Unwritable as error:
        raise InternalError(f"The event {kind} holds what cannot be sent: {error.message} at {error.path}.") from error


def _call_all(callbacks: list[Callable[[], object]]) -> None:
    for callback in callbacks:
        try:
            callback()
        except Exception:
            _log.exception("a function called on cancel failed")

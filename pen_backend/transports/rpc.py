"""Typed dispatch: a call's plist becomes arguments, a result or an error becomes Lisp text; knows no pipe or socket."""

import difflib
import logging
import platform
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pen_backend
from pen_backend.errors import (
    BadParamsError,
    CancelledError,
    InternalError,
    NotFoundError,
    PenError,
    VersionError,
    foreseen,
)
from pen_backend.secrets import redact
from pen_backend.service.registry import Method, Registry, build_registry, methods_hash, rpc
from pen_backend.transports.epc_codec import MAX_FRAME, frame, quote
from pen_backend.transports.pool import Pool
from pen_backend.transports.readers import arguments
from pen_backend.transports.streams import Flusher, Stream
from pen_backend.transports.writers import Writer, result

PROTOCOL = 1
CALLS, STREAMS, WAITING = 8, 32, 64  # a stream may last for hours, so it takes no thread from the calls

_log = logging.getLogger(__name__)

LogLine = Callable[[BaseException, str], int | None]
"""Write an error's traceback to the service's log and return the line it begins at."""


def log_line(error: BaseException, method: str) -> int | None:
    """Log through `logging`, where nobody counts lines."""
    _log.error("%s failed", method, exc_info=error)
    return None


@dataclass(frozen=True, slots=True)
class Hello:
    """What the service says of itself."""

    protocol: int
    server: str
    pid: int
    max_frame: int
    methods_hash: str
    python: str


class _Callable:
    """A method with the reader of its arguments and the writer of its result, made when it is first called."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self.name = method.name
        self.function = method.function

    @cached_property
    def read(self) -> Callable[[object], dict[str, Any]]:
        """Read a call's plist."""
        return arguments(self.method.parameters, self.name)

    @cached_property
    def write(self) -> Writer:
        """Print the result."""
        return result(self.method.result, self.name)


class Dispatcher:
    """Calls the methods of one registry for one connection; WRITE sends a frame and may be called by any thread."""

    def __init__(self, registry: Registry, write: Callable[[bytes], None], *, pid: int,
                 log: LogLine = log_line, calls: Pool | None = None, streams: Pool | None = None) -> None:
        own = build_registry({"pen": _Link(self, pid, methods_hash(registry))})
        self._table = {name: _Callable(method) for name, method in (dict(own) | dict(registry)).items()}
        self._registry = registry
        self._write = write
        self._log = log
        self._calls = calls or Pool("call", CALLS, WAITING)
        self._stream_pool = streams or Pool("stream", STREAMS, WAITING)
        self._pid = pid
        self._flusher = Flusher(write, lambda error: envelope(error)[11:-1])
        self.finds_keys = False
        self._lock = threading.Lock()
        self._waiting: set[int] = set()
        self._stream_of: dict[int, str] = {}
        self._count = 0

    def call(self, uid: int, name: str, plist: object) -> None:
        """Answer call UID of method NAME, now or later; never raises."""
        try:
            method = self._table.get(name)
            if method is None:
                raise self._unknown(name)
            given = method.read(plist)
            if method.method.inline:
                self._answer(uid, method, given)
            elif method.method.stream:
                self._stream(uid, method, given)
            else:
                self._queue(uid, method, given)
        except Exception as error:  # whatever a handler raises is its caller's answer
            self._refuse(uid, error, name)

    def cancel(self, name: str | None, uid: int | None) -> bool:
        """Stop the request NAME, or what call UID began; True if something was stopped."""
        with self._lock:
            if uid is not None and uid in self._waiting:
                self._waiting.remove(uid)
                waiting = True
            else:
                waiting = False
                name = name or self._stream_of.get(uid or 0)
        if waiting and uid is not None:
            self._refuse(uid, CancelledError("The call was cancelled before it began."), "pen-cancel")
            return True
        stream = self._flusher.find(name) if name else None
        return stream is not None and stream.cancel()

    def cancel_all(self) -> None:
        """Stop every stream: nobody listens any more."""
        self._flusher.cancel_all()

    def close(self) -> None:
        """Stop every stream and let the threads end."""
        self.cancel_all()
        self._flusher.close()
        self._calls.close()
        self._stream_pool.close()

    def ask_key(self, host: str) -> None:
        """Ask the client for a provider's key; it answers by the call `providers-set-key`."""
        with self._lock:
            self._count += 1
            name = f"key-{self._pid}-{self._count}"
        self._write(frame(f'(call 0 pen-event ("{name}" 0 key (:host {quote(host)})))'))

    def methods(self, uid: int) -> None:
        """Answer with the table of methods: name, arguments, documentation."""
        rows = [f"({name} ({' '.join(one.key for one in method.parameters)}) {quote(method.doc)})"
                for name, method in self._registry.items()]
        self._reply(uid, f"({' '.join(rows)})" if rows else "nil", "methods")

    def _queue(self, uid: int, method: _Callable, given: dict[str, Any]) -> None:
        def run() -> None:
            with self._lock:
                if uid not in self._waiting:
                    return
                self._waiting.remove(uid)
            self._answer(uid, method, given)

        with self._lock:
            self._waiting.add(uid)
        try:
            self._calls.submit(run)
        except PenError:
            with self._lock:
                self._waiting.discard(uid)
            raise

    def _answer(self, uid: int, method: _Callable, given: dict[str, Any]) -> None:
        try:
            text = method.write(method.function(**given))
        except BaseException as error:  # SystemExit of a handler must not take its thread along in silence
            self._refuse(uid, error, method.name)
            return
        self._reply(uid, text, method.name)

    def _stream(self, uid: int, method: _Callable, given: dict[str, Any]) -> None:
        with self._lock:
            self._count += 1
            name = f"req-{self._pid}-{self._count}"  # never the name of a request of a service that died
            self._stream_of[uid] = name
        stream = self._flusher.stream(name)
        try:
            self._stream_pool.submit(lambda: self._follow(uid, stream, method, given))
        except PenError:
            self._flusher.forget(name)
            with self._lock:
                del self._stream_of[uid]
            raise
        self._reply(uid, quote(name), method.name)
        stream.open()

    def _follow(self, uid: int, stream: Stream, method: _Callable, given: dict[str, Any]) -> None:
        try:
            if stream.start():
                value = method.function(**given, events=stream)
                stream.done(method.write(value))
        except BaseException as error:  # as in _answer
            told = self._tell(error, method.name)
            if stream.cancelled:  # its connection was closed under it, so it may say anything
                stream.done(None)
            else:
                stream.fail(lambda partial: envelope(*told, partial=partial)[11:-1])
        finally:
            with self._lock:
                self._stream_of.pop(uid, None)

    def _reply(self, uid: int, text: str, name: str) -> None:
        try:
            data = frame(f"(return {uid} {text})")
        except PenError as error:
            self._refuse(uid, error, name)
        else:
            self._write(data)

    def _refuse(self, uid: int, error: BaseException, name: str) -> None:
        self._write(frame(f"(return-error {uid} {envelope(*self._tell(error, name))})"))

    def _tell(self, error: BaseException, name: str) -> tuple[PenError, int | None]:
        """Turn any error into one of ours, with its line in the log if it is a bug."""
        said = foreseen(error)
        if said is not None and not isinstance(said, InternalError):
            return said, None
        line = self._log(error, name)
        if isinstance(error, InternalError):
            return error, line
        return InternalError(f"A bug in pen: {name} ended in {type(error).__name__}.",
                             hint="The service's log has the details."), line

    def _unknown(self, name: str) -> NotFoundError:
        near = difflib.get_close_matches(name, self._table, n=1)
        return NotFoundError(f"There is no method {name[:60]}.", hint=f"Did you mean {near[0]}?" if near else None)


class _Link:
    """The link's own methods; `pen-hello` and `pen-cancel` on the wire."""

    def __init__(self, dispatcher: Dispatcher, pid: int, table: str) -> None:
        self._dispatcher = dispatcher
        self._hello = Hello(PROTOCOL, pen_backend.__version__, pid, MAX_FRAME, table, platform.python_version())

    @rpc(inline=True)
    def hello(self, protocol: int, client: str = "unknown", emacs: str | None = None,
              token: str | None = None, keys: bool = False) -> Hello:
        """Compare versions; the first call of a connection. KEYS says that the client can find providers' keys."""
        del emacs, token  # for the log of a later version; over pipes no token is needed
        if protocol != PROTOCOL:
            raise VersionError(f"Emacs has pen {client[:20]} (protocol {protocol}), the service is pen "
                               f"{self._hello.server} (protocol {PROTOCOL}).",
                               hint="Run M-x pen-install-backend.")
        self._dispatcher.finds_keys = keys
        return self._hello

    @rpc(inline=True)
    def cancel(self, id: str | None = None, call: int | None = None) -> bool:  # noqa: A002 - the wire's name
        """Stop a request by id or by the number of its call; t if something was stopped."""
        if (id is None) == (call is None):
            raise BadParamsError("pen-cancel takes :id or :call.")
        return self._dispatcher.cancel(id, call)


def envelope(error: PenError, line: int | None = None, partial: str | None = None) -> str:
    """Print an error as `(pen-error PLIST)`: a closed set of keys, one sentence, never a traceback."""
    where = error.where or next((one.where for one in error.findings if one.where), None)
    texts: Mapping[str, str | None] = {"message": error.message, "hint": error.hint, "where": where}
    parts = [f":kind {error.kind}"]
    parts += [f":{key} {_told(text)}" for key, text in texts.items()]
    parts.append(f":log {line if line is not None else 'nil'}")
    if partial is not None:
        parts.append(f":partial {quote(partial)}")
    return f"(pen-error ({' '.join(parts)}))"


def _told(text: str | None) -> str:
    if text is None:
        return "nil"
    return quote(redact(text).encode("utf-8", "replace").decode())

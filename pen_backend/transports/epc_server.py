"""EPC over two descriptors: the `epc` package's handler and server with a reader that cannot fall out of step.

`Link` and `LinkServer` are shared with epc_tcp.py.

What is replaced and why: `encode_message` prints seven digits above 16 MB; `_recv` raises StopIteration in a
generator; sending had no lock, so large replies of two threads mixed; `autolog` formats every payload even when off.
"""

import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Protocol

from epc.core import EPCCore
from epc.handler import EPCHandler
from epc.server import EPCClientManager

from pen_backend.errors import BadParamsError
from pen_backend.service.registry import Registry
from pen_backend.transports.epc_codec import MAX_FRAME, Symbol, decode, frame, recover_uid, unframe_length
from pen_backend.transports.rpc import Dispatcher, LogLine, envelope, log_line

CLOSING = 0.2  # seconds for closing HTTP streams once Emacs is gone

_log = logging.getLogger(__name__)


class ProtocolFault(Exception):  # noqa: N818 - not an error anybody is told: the connection closes
    """The stream is out of step; nothing after this point can be trusted."""


class Reader(Protocol):
    """What frames are read from."""

    def read(self, size: int, /) -> bytes:
        """Read SIZE bytes, and fewer only at the end."""


class Link(EPCHandler):
    """One connection; REQUEST is its pair of reader and descriptor to write to."""

    server: "LinkServer"
    request: Any
    most = MAX_FRAME  # bytes of a message

    def setup(self) -> None:
        """Take the two ends."""
        self.rfile = self.reader()
        self._sending = threading.Lock()
        self.dispatcher = Dispatcher(self.server.registry, self.write, pid=os.getpid(), log=self.server.note)
        self.server.add_client(self)

    def reader(self) -> "Reader":
        """Return what frames are read from."""
        stream: BinaryIO = self.request[0]
        return stream

    def finish(self) -> None:
        """Stop what the peer had asked for."""
        self.dispatcher.close()
        self.server.remove_client(self)

    def handle(self) -> None:
        """Read frames until the stream ends; ProtocolFault if it falls out of step."""
        for payload in self._recv():
            self._handle(payload)

    def write(self, data: bytes) -> None:
        """Send one frame, whole; the lock is held for exactly one."""
        with self._sending:
            try:
                self.put(data)
            except OSError:
                self.server.lost(self)

    def put(self, data: bytes) -> None:
        """Write all of DATA; OSError if the peer is gone."""
        out: int = self.request[1]
        sent = os.write(out, data)
        while sent < len(data):
            sent += os.write(out, memoryview(data)[sent:])

    def _recv(self) -> Iterator[bytes]:
        read = self.rfile.read
        while True:
            header = read(6)
            if not header:
                return
            try:
                length = unframe_length(header)
            except ValueError as error:
                raise ProtocolFault(str(error)) from None
            if length > self.most:
                raise ProtocolFault(f"a message of {length} bytes where {self.most} are allowed")
            payload = read(length)
            if len(payload) < length:
                return  # Emacs died while it wrote
            if payload[-1] != 10:
                raise ProtocolFault("a frame ends in a newline")
            yield payload

    def _handle(self, payload: bytes) -> None:
        try:
            message = decode(payload)
            if not isinstance(message, list) or not message or not isinstance(message[0], Symbol):
                raise ValueError("a message is a list that begins with its name")
            self._dispatch(message)
        except ValueError as error:
            _log.warning("a message of %d bytes cannot be read: %s", len(payload), error)
            uid = recover_uid(payload)
            bad = BadParamsError(f"The message cannot be read: {error}.")
            self.write(frame(f"(epc-error {'nil' if uid is None else uid} {envelope(bad)})"))

    def _dispatch(self, message: Sequence[object]) -> None:
        kind, uid = message[0], message[1] if len(message) > 1 else None
        if kind in ("return", "return-error", "epc-error"):
            return  # stock epc.el answers our one-way events
        if type(uid) is not int:
            raise ValueError("it has no number")
        if kind == "call" and len(message) == 4 and isinstance(message[2], Symbol):
            given = message[3]
            if given is None or (isinstance(given, list) and len(given) <= 1):
                self.dispatcher.call(uid, message[2], given[0] if given else None)
                return
        elif kind == "methods" and len(message) == 2:
            self.dispatcher.methods(uid)
            return
        raise ValueError("it is no call that can be understood")


class LinkServer(EPCClientManager, EPCCore, ABC):
    """Serves one registry; what pipes and sockets share."""

    def __init__(self, registry: Registry, *, note: LogLine = log_line,
                 leave: Callable[[int], object] = os._exit) -> None:
        """NOTE logs a bug. LEAVE ends the process: at once, because threads may sleep for half a minute."""
        self.clients: list[Link] = []
        EPCClientManager.__init__(self)
        EPCCore.__init__(self, None, False)
        self.registry = registry
        self.note = note
        self._leave = leave
        for name, method in registry.items():
            EPCCore.register_function(self, method.function, name)

    def ask_key(self, host: str) -> bool:
        """Ask the newest client that finds keys for that of HOST; False if there is none."""
        asked = next((client for client in reversed(self.clients) if client.dispatcher.finds_keys), None)
        if asked is not None:
            asked.dispatcher.ask_key(host)
        return asked is not None

    @abstractmethod
    def lost(self, handler: Link) -> None:
        """Act on a peer that cannot be written to."""

    def add_client(self, handler: Link) -> None:
        """Remember a connection."""
        EPCClientManager.add_client(self, handler)

    def remove_client(self, handler: Link) -> None:
        """Forget a connection."""
        EPCClientManager.remove_client(self, handler)

    def peer_gone(self, status: int = 0) -> None:
        """End the process; what is still open towards providers has a moment to close."""
        closing = [client.dispatcher for client in list(self.clients)]
        for dispatcher in closing:
            dispatcher.cancel_all()
        if closing or threading.active_count() > 1:
            _settle(time.monotonic() + CLOSING)
        self._leave(status)

    def watch_parent(self, parent: int) -> None:
        """Leave when PARENT is no longer our parent: a pipe's end may have leaked to another process."""

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(1.0)
            self.peer_gone()

        threading.Thread(target=watch, name="parent", daemon=True).start()


class PipeServer(LinkServer):
    """Serves over a pair of descriptors, until the reading one ends."""

    def serve(self, reader: int, writer: int) -> None:
        """Answer calls from READER on WRITER, then leave."""
        status = 0
        try:
            with os.fdopen(reader, "rb", closefd=False) as stream:
                Link((stream, writer), None, self)
        except ProtocolFault as fault:
            _log.error("the connection is out of step and closes: %s", fault)
            status = 3
        except BaseException as error:
            self.note(error, "the reader")
            status = 3
        self.peer_gone(status)

    def lost(self, handler: Link) -> None:
        """Leave: Emacs is the only peer there is."""
        self.peer_gone()


def _settle(until: float) -> None:
    """Wait for the threads that close connections, until a moment at most."""
    for thread in threading.enumerate():
        if thread.name.startswith("cancel-"):
            thread.join(max(0.0, until - time.monotonic()))

"""EPC over TCP on the loopback, for stock epc.el: a token first, several clients, and nobody can block another.

The stock server serves one connection, to anybody who connects, and a second one hangs (link.md, section 1).
"""

import contextlib
import hmac
import logging
import os
import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Any

from epc.server import EPCServer

from pen_backend.errors import AuthError
from pen_backend.secrets import Secret
from pen_backend.service.registry import Registry
from pen_backend.transports.epc_codec import MAX_FRAME, Symbol, decode, frame, recover_uid
from pen_backend.transports.epc_server import Link, LinkServer, ProtocolFault, Reader
from pen_backend.transports.rpc import LogLine, envelope, log_line

CONNECTIONS = 8
GREETING = 4096  # bytes that somebody unknown may send
HELLO_SECONDS, HALF_SECONDS = 5.0, 30.0  # for the greeting, and for the rest of a message that has begun

_log = logging.getLogger(__name__)


class Refused(Exception):  # noqa: N818 - ends a connection; its peer has been told
    """A peer that does not know the token, or says nothing."""


class SocketReader:
    """Reads frames, header and payload in turn; waits for ever between two, but not in the middle of one."""

    def __init__(self, connection: socket.socket, patience: tuple[float, float]) -> None:
        hello_seconds, self._half_seconds = patience
        self.greet_by: float | None = time.monotonic() + hello_seconds
        self._socket = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._buffer = bytearray()
        self._inside = False  # a frame whose header has been read
        self._begun = 0.0

    def read(self, size: int) -> bytes:
        """Read SIZE bytes, and fewer only at the end; TimeoutError if they take too long."""
        while len(self._buffer) < size:
            self._wait()
            data = self._socket.recv(1 << 16)
            if not data:
                size = len(self._buffer)
                break
            if not self._buffer and not self._inside:
                self._begun = time.monotonic()
            self._buffer += data
        self._inside = not self._inside
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _wait(self) -> None:
        until = self._begun + self._half_seconds if self._inside or self._buffer else None
        if self.greet_by is not None:
            until = self.greet_by
        wait = None if until is None else max(0.0, 1000 * (until - time.monotonic()))
        if not self._poll.poll(wait):
            raise TimeoutError


class TcpLink(Link):
    """One client; REQUEST is its socket."""

    server: "TcpServer"
    request: socket.socket
    rfile: SocketReader
    known = False
    most = GREETING

    def reader(self) -> Reader:
        """Return what frames are read from."""
        return SocketReader(self.request, self.server.patience)

    def put(self, data: bytes) -> None:
        """Write all of DATA; through the socket, whose number another client may get once it is closed."""
        self.request.sendall(data)

    def handle(self) -> None:
        """Read frames until the client leaves, does not know the token, or falls out of step."""
        try:
            super().handle()
        except ProtocolFault as fault:
            _log.warning("a connection is out of step and closes: %s", fault)
        except TimeoutError:
            if self.known:
                _log.warning("a connection closes: half a message, and then nothing")
            else:
                self._refuse(None)
        except (Refused, OSError):
            pass

    def finish(self) -> None:
        """Stop what the client had asked for."""
        super().finish()
        self.server.left(self)

    def _handle(self, payload: bytes) -> None:
        if not self.known:
            if not self._knows_token(payload):
                self._refuse(recover_uid(payload))
                raise Refused
            self.known, self.most, self.rfile.greet_by = True, MAX_FRAME, None
        super()._handle(payload)

    def _knows_token(self, payload: bytes) -> bool:
        """Say whether a message is the greeting, with the token."""
        try:
            match decode(payload):
                case [Symbol("call"), int(), Symbol("pen-hello"), [[*plist]]] if Symbol(":token") in plist:
                    given = plist[plist.index(Symbol(":token")) + 1]
                    return type(given) is str and hmac.compare_digest(
                        given.encode("utf-8", "replace"), self.server.token.reveal().encode())
        except (ValueError, IndexError):
            pass
        return False

    def _refuse(self, uid: int | None) -> None:
        error = AuthError("The first call must be pen-hello with the token of this service.",
                          hint="Its environment has it as PEN_EPC_TOKEN, or the file that --token-file named.")
        kind = "epc-error nil" if uid is None else f"return-error {uid}"
        self.write(frame(f"({kind} {envelope(error)})"))


class TcpServer(socketserver.ThreadingMixIn, EPCServer, LinkServer):
    """Serves one registry on a port of 127.0.0.1, until the last client that knew the token has left."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(self, registry: Registry, token: Secret, *, port: int = 0, keep: bool = False,
                 patience: tuple[float, float] = (HELLO_SECONDS, HALF_SECONDS), note: LogLine = log_line,
                 leave: Callable[[int], object] = os._exit) -> None:
        """PORT 0 is one that is free. KEEP stays when nobody is left. LEAVE ends the process; see LinkServer.

        PATIENCE: seconds that a client has for its greeting, and for the rest of a message once it has begun.
        """
        self.token = token
        self.patience = patience
        self._keep = keep
        self._counting = threading.Lock()
        self._links = 0
        EPCServer.__init__(self, ("127.0.0.1", port), TcpLink)
        LinkServer.__init__(self, registry, note=note, leave=leave)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Turn away whoever comes when all places are taken."""
        with self._counting:
            free = self._links < CONNECTIONS
            self._links += free
        return free

    def left(self, link: TcpLink) -> None:
        """Count a connection that has ended; the last client that was let in takes the service along."""
        with self._counting:
            self._links -= 1
            others = any(isinstance(one, TcpLink) and one.known for one in self.clients)
        if link.known and not others and not self._keep:
            self.peer_gone()

    def lost(self, handler: Link) -> None:
        """End the connection that cannot be written to; its reader then sees the end."""
        with contextlib.suppress(OSError):
            handler.request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what a connection died of."""
        _log.exception("a connection failed")

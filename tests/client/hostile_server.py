"""A provider that means harm: a socket server that says what a test has it say, for as long as one listens."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Talk = Callable[["Line"], None]


@dataclass
class Line:
    """One connection, seen from the server; `sent` counts what it could say."""

    socket: socket.socket
    over: threading.Event
    request: bytes = b""
    sent: int = 0

    def say(self, text: bytes) -> None:
        """Send bytes; an OSError once the other side has hung up."""
        self.socket.sendall(text)
        self.sent += len(text)

    def forever(self, text: bytes, *, gap: float = 0.0) -> None:
        """Send bytes again and again, until nobody listens or the test ends."""
        while not self.over.wait(gap) if gap else not self.over.is_set():
            self.say(text)

    def read(self) -> None:
        """Read the request's head and body."""
        head, _, body = self._until(b"\r\n\r\n").partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", b"0"))
        while len(body) < length and (more := self.socket.recv(1 << 16)):
            body += more
        self.request = head + b"\r\n\r\n" + body

    def _until(self, end: bytes) -> bytes:
        text = b""
        while end not in text and (more := self.socket.recv(1 << 16)):
            text += more
        return text


@dataclass
class Hostile:
    """The server: its address, and every connection that it had."""

    base_url: str
    over: threading.Event = field(default_factory=threading.Event)
    lines: list[Line] = field(default_factory=list)


@contextmanager
def hostile(talk: Talk, *, reads: bool = True) -> Iterator[Hostile]:
    """Have TALK answer every connection; without READS it comes before the request is read."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        server = Hostile(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")

        def serve(line: Line) -> None:
            with line.socket, suppress(OSError, ValueError):
                if reads:
                    line.read()
                talk(line)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    line = Line(listener.accept()[0], server.over)
                    server.lines.append(line)
                    threads.append(threading.Thread(target=serve, args=(line,), daemon=True))
                    threads[-1].start()

        threads: list[threading.Thread] = []
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            server.over.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for line in server.lines:
                with suppress(OSError):
                    line.socket.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join(5)


def head(*more: str, status: str = "200 OK", type: str = "application/json") -> bytes:  # noqa: A002 - the header's name
    """Make the head of an answer whose body ends with the connection."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Type: {type}", "Connection: close", *more, "", ""]).encode()

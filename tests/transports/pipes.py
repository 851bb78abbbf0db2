"""A client for tests: a child process on pipes, frames in and out, every wait with a deadline."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from pen_backend.transports.epc_codec import Symbol, decode, dumps, frame

PEER = Path(__file__).with_name("peer.py")
SECONDS = 60.0  # of patience with an answer that a busy machine brings late


class Child:
    """One service; `call` waits for one answer, `frames` yields what comes."""

    def __init__(self, *arguments: str, command: Sequence[str] | None = None, cwd: Path | None = None,
                 environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command or [sys.executable, "-P", str(PEER), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=cwd, env=environment, bufsize=0)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._buffer = bytearray()
        self._uid = 0
        self.kept: list[Any] = []

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def send(self, name: str, **arguments: object) -> int:
        """Send a call and return its number."""
        plist: list[object] = []
        for key, value in arguments.items():
            plist += [Symbol(":" + key.replace("_", "-")), value]
        self._uid += 1
        self.write(frame(dumps([Symbol("call"), self._uid, Symbol(name), [plist]])))
        return self._uid

    def count_from(self, uid: int) -> None:
        """Number the next calls from UID on."""
        self._uid = uid

    def write(self, data: bytes) -> None:
        """Write raw bytes."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._in, view):]

    def frame(self, deadline: float = SECONDS) -> Any:
        """Read the next message; TimeoutError, or EOFError when the child is gone."""
        header = self._read(6, time.monotonic() + deadline)
        return decode(self._read(int(header, 16), time.monotonic() + deadline))

    def answer(self, uid: int | None, deadline: float = SECONDS) -> Any:
        """Read until call UID is answered and return the whole message; the others are kept."""
        for index, message in enumerate(self.kept):
            if message[0] != "call" and message[1] == uid:
                return self.kept.pop(index)
        until = time.monotonic() + deadline
        while True:
            message = self.frame(until - time.monotonic())
            if message[0] != "call" and message[1] == uid:
                return message
            self.kept.append(message)

    def call(self, name: str, deadline: float = SECONDS, **arguments: object) -> Any:
        """Call and return the value; the error's plist as a dictionary if it is one."""
        message = self.answer(self.send(name, **arguments), deadline)
        return message[2] if message[0] == "return" else fields(message[2][1])

    def events(self, name: str, deadline: float = SECONDS) -> list[tuple[int, str, dict[str, Any]]]:
        """Read a request's events up to its end."""
        found: list[tuple[int, str, dict[str, Any]]] = []
        until = time.monotonic() + deadline
        while not found or found[-1][1] not in ("done", "error"):
            index = next((index for index, one in enumerate(self.kept) if one[0] == "call" and one[3][0] == name), None)
            if index is None:
                self.kept.append(self.frame(until - time.monotonic()))
                continue
            _, sequence, kind, plist = self.kept.pop(index)[3]
            found.append((sequence, str(kind), fields(plist)))
        return found

    def _read(self, size: int, until: float) -> bytes:
        while len(self._buffer) < size:
            ready, _, _ = select.select([self._out], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            data = os.read(self._out, 1 << 20)
            if not data:
                raise EOFError
            self._buffer += data
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


def fields(plist: Any) -> dict[str, Any]:
    """Turn a plist into a dictionary; its keys without the colon."""
    return {str(plist[index])[1:]: plist[index + 1] for index in range(0, len(plist), 2)}

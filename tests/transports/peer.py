"""A service whose methods misbehave on request; a real child process on the real transport.

python -P tests/transports/peer.py [--state DIR] [--noise] [--mute] [--tcp [--keep] [--token-file FILE]]
"""

import sys

if __name__ == "__main__" and "--tcp" not in sys.argv:  # before anything else, as the real service does
    from pen_backend.transports.serve import take_wire

    READER, WRITER = take_wire()

import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pen_backend.transports.rpc
from pen_backend.errors import CancelledError, DataError, Finding, PenError, UpstreamError
from pen_backend.service.registry import AnyFloat, Events, Json, Registry, Text, build_registry, rpc


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    weight: float = 1.0
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Everything:
    on: bool
    maybe: bool | None
    count: int
    share: AnyFloat
    name: str
    note: str | None
    side: Literal["train", "valid"]
    rows: list[Row]
    table: dict[str, int | None]
    path: Path
    record: Json = "null"
    mixed: int | str | None = None
    extra: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mixed:
    text: str
    whole: int
    real: AnyFloat
    flag: bool | None
    names: dict[str, str]
    lists: list[list[int]]
    either: int | str | None = None


class Test:
    @rpc(inline=True)
    def mixed(self, values: list[Mixed]) -> list[Mixed]:
        """Return the values."""
        return values

    @rpc(inline=True)
    def ping(self) -> str:
        """Answer at once."""
        return "pong"

    @rpc(inline=True)
    def echo(self, text: str) -> str:
        """Return the text."""
        return text

    @rpc()
    def echo_pool(self, text: str) -> str:
        """Return the text from the pool."""
        return text

    @rpc()
    def file_text(self, text: Text) -> int:
        """Count the characters of text that is meant for a file."""
        return len(text)

    @rpc()
    def file_die(self, text: Text) -> str:
        """End the process with the text in hand."""
        os._exit(9)

    @rpc()
    def everything(self, value: Everything) -> Everything:
        """Return a record with a field of each type."""
        return value

    @rpc()
    def add(self, a: int, b: int = 1) -> int:
        """Add two integers."""
        return a + b

    @rpc()
    def sleep(self, seconds: float) -> str:
        """Sleep, then answer."""
        time.sleep(seconds)
        return "slept"

    @rpc()
    def die(self, after: float = 0.0) -> str:
        """End the process without a word."""
        time.sleep(after)
        os._exit(9)

    @rpc()
    def fail(self, kind: str = "data") -> str:
        """Raise an error of ours, of that kind, or a bug."""
        known = {one.kind: one for one in PenError.__subclasses__()}
        if kind == "bug":
            raise KeyError("text of a user")
        if kind == "exit":
            raise SystemExit(1)
        if kind == "data":
            raise DataError("Line 3 is no JSON.", hint="Fix it.",
                            findings=[Finding("json", "no JSON", where="train.jsonl:3")])
        raise known[kind]("It is so.", where="here")

    @rpc()
    def nan(self) -> list[AnyFloat]:
        """Return the floats that are no numbers."""
        return [float("nan"), float("inf"), float("-inf")]

    @rpc()
    def big(self, size: int) -> str:
        """Return SIZE bytes of text."""
        return "x" * size

    @rpc()
    def rows(self, count: int) -> list[Row]:
        """Return COUNT records."""
        return [Row(f"row {index}", index / 2, None) for index in range(count)]

    @rpc()
    def liar(self) -> int:
        """Return something that is no integer."""
        return {1, 2}  # type: ignore[return-value] # the point

    @rpc()
    def surrogate(self, code: int) -> list[str]:
        """Return a string of one surrogate."""
        return ["fine", chr(code)]

    @rpc()
    def noise(self, size: int = 100_000) -> str:
        """Print to everything that is not the wire."""
        print("x" * size)
        print("y" * size, file=sys.stderr)
        os.write(1, b"native " * (size // 7))
        os.write(2, b"native " * (size // 7))
        warnings.warn("a warning", stacklevel=1)
        return "printed"

    @rpc(inline=True)
    def modules(self) -> list[str]:
        """List the imported modules."""
        return sorted(name for name in sys.modules if "." not in name)

    @rpc(inline=True)
    def variable(self, variable: str) -> str | None:
        """Return a variable of the environment."""
        return os.environ.get(variable)

    @rpc(inline=True)
    def threads(self) -> int:
        """Count the threads."""
        return threading.active_count()

    @rpc(inline=True)
    def memory(self) -> int:
        """Return the resident bytes."""
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @rpc(stream=True)
    def count(self, upto: int, pause: float = 0.0, *, events: Events) -> str:
        """Send a number a delta; stop when cancelled."""
        said = []
        for number in range(upto):
            if events.cancelled:
                break
            said.append(f"{number} ")
            events.send("delta", index=0, text=said[-1])
            if pause:
                time.sleep(pause)
        return "".join(said)

    @rpc(stream=True)
    def story(self, *, events: Events) -> dict[str, int]:
        """Send one event of each kind."""
        events.send("log", what="text", level="note", text="begins")
        events.send("progress", step=1, steps=2, loss=0.5, valid_loss=None)
        events.send("delta", index=0, text="ab")
        events.send("delta", index=1, text="xy")
        return {"tokens": 4}

    @rpc(stream=True)
    def broken_story(self, *, events: Events) -> str:
        """Send some text, then fail."""
        events.send("delta", index=0, text="half a ")
        events.send("delta", index=0, text="joke")
        raise UpstreamError("The provider hung up.")

    @rpc(stream=True)
    def deaf(self, *, events: Events) -> str:
        """Ignore being cancelled for minutes."""
        events.send("delta", index=0, text="words")
        time.sleep(600)
        return "late"

    @rpc(stream=True)
    def polite(self, *, events: Events) -> str:
        """Wait until cancelled, as an HTTP stream that is closed."""
        stopped = threading.Event()
        events.on_cancel(stopped.set)
        events.send("delta", index=0, text="so far")
        stopped.wait(600)
        raise CancelledError("The stream was closed.")


class Jobs:
    """One job that goes on whatever happens to the service: a number every few milliseconds."""

    def __init__(self, arguments: list[str]) -> None:
        self._crash = "--crash" in arguments
        self._numbers = 60_000 if "--long" in arguments else 60

    @rpc(stream=True)
    def watch(self, id: str, since: str | None = None, *, events: Events) -> str:  # noqa: A002 - the real name
        """Tell the numbers after the one in SINCE, up to 60, or for minutes."""
        for number in range(int(since[1:]) + 1 if since else 0, self._numbers):
            if events.cancelled:
                break
            events.send("log", what="text", level="info", text=str(number), event=f"e{number}")
            if self._crash:
                time.sleep(0.05)
                os._exit(7)
            time.sleep(0.005)
        return id


def noisy() -> None:
    print("12345")
    print("x" * 30_000)
    warnings.warn("noisy", stacklevel=1)


def serve_port(arguments: list[str]) -> int:
    """Serve on a port, with less patience than usual if the test wants it."""
    from pen_backend.transports.serve import run_tcp

    def given(name: str) -> str | None:
        return arguments[arguments.index(name) + 1] if name in arguments else None

    def make() -> tuple[None, Registry]:
        if "--noise" in arguments:
            noisy()
        return None, build_registry({"test": Test(), "jobs": Jobs(arguments)})

    file = given("--token-file")
    return run_tcp(make, Path(given("--state") or tempfile.mkdtemp()), keep="--keep" in arguments,
                   token_file=Path(file) if file else None, parent=os.getppid(),
                   patience=(1.0, 1.0) if "--hasty" in arguments else (5.0, 30.0))


def main(serve: Callable[..., int], arguments: list[str]) -> int:
    if "--noise" in arguments:
        noisy()
    if "--other" in arguments:  # a protocol that is not ours
        pen_backend.transports.rpc.PROTOCOL = 2
    if "--mute" in arguments:
        time.sleep(60)
    if "--fail" in arguments:
        print("cannot start: the moon is full", file=sys.stderr)
        return 3
    state = Path(arguments[arguments.index("--state") + 1]) if "--state" in arguments else Path(tempfile.mkdtemp())
    registry = build_registry({"test": Test(), "jobs": Jobs(arguments)})
    return serve(registry, READER, WRITER, state, os.getppid())


if __name__ == "__main__":
    if "--tcp" in sys.argv:
        sys.exit(serve_port(sys.argv[1:]))
    from pen_backend.transports.serve import run

    sys.exit(main(run, sys.argv[1:]))

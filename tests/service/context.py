"""Contexts of scripted providers, and events that are kept."""

import threading
from collections.abc import Callable
from pathlib import Path

from pen_backend.client import Client
from pen_backend.service.context import Context
from tests.conftest import environment
from tests.scripted_server import ScriptedServer


def scripted(server: ScriptedServer, home: Path, *, local: bool = True) -> Context:
    """A context whose client talks to a scripted server, and whose files are below HOME."""
    def connect(context: Context, say: Callable[[str], None]) -> Client:
        say("starting engine…")
        return Client(server.base_url, None, local=local)

    return Context(environ=environment(home), connect=connect)


class Kept:
    """Events as they were sent; cancels itself after so many, if asked to."""

    id = "req-1"

    def __init__(self, *, cancel_after: int | None = None) -> None:
        self.sent: list[tuple[str, dict[str, object]]] = []
        self._cancelled = threading.Event()
        self._callbacks: list[Callable[[], object]] = []
        self._cancel_after = cancel_after

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def send(self, kind: str, **data: object) -> None:
        self.sent.append((kind, data))
        if len(self.sent) == self._cancel_after:
            self._cancelled.set()
            for callback in self._callbacks:
                callback()

    def on_cancel(self, function: Callable[[], object]) -> None:
        self._callbacks.append(function)

    def of(self, kind: str) -> list[dict[str, object]]:
        return [data for one, data in self.sent if one == kind]

"""What a request waits for, said once it has waited for a while: a model that is being loaded, or a provider."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from pen_backend.errors import PenError
from pen_backend.service.context import Context
from pen_backend.service.registry import Events

if TYPE_CHECKING:
    from pen_backend.client import Client

PATIENCE = 0.7  # seconds; a model that is in memory has begun to write by then


class Waiting:
    """A request that has nothing to show yet; as a context, it is watched until that ends or `over` is called."""

    def __init__(self, events: Events, what: Callable[[], str], *, patience: float = PATIENCE) -> None:
        """Tell EVENTS of WHAT, asked for in another thread, once PATIENCE has passed."""
        self._events = events
        self._what = what
        self._is_over = threading.Event()
        self._timer = threading.Timer(patience, self._tell)
        self._timer.daemon = True

    def __enter__(self) -> "Waiting":
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.over()

    def over(self) -> None:
        """Say nothing any more: there is something to show."""
        self._is_over.set()
        self._timer.cancel()

    def join(self, seconds: float) -> None:
        """Wait until nothing is told any more, for tests."""
        self._timer.join(seconds)

    def _tell(self) -> None:
        text = self._what()
        if not self._is_over.is_set():
            self._events.send("log", what="text", level="info", text=text)


def for_model(context: Context, client: "Client", model: str) -> str:
    """Say what an answer of MODEL waits for: the local engine tells whether its worker holds the model."""
    if not client.local:
        return f"waiting for {client.host}…"
    engine = context.engine()
    try:
        running = engine.find()
        loaded = (engine.status(running).get("stats") or {}).get("loaded") if running else None
    except PenError:
        loaded = None
    # A worker that is itself being started does not answer.
    return f"waiting for {model}…" if model in (loaded or ()) else f"loading {model}…"

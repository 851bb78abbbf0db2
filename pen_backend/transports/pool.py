"""A bounded pool of daemon threads: work beyond its queue is refused at once, and nobody waits for it at the end.

ThreadPoolExecutor joins its threads when the interpreter ends, which held a service without an Emacs for 29 s.
"""

import queue
import threading
from collections.abc import Callable

from pen_backend.errors import BusyError


class Pool:
    """SIZE threads, started when there is work for them, and a queue of LIMIT."""

    def __init__(self, name: str, size: int, limit: int) -> None:
        self._name = name
        self._size = size
        self._limit = limit
        self._work: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self._threads = 0

    def submit(self, work: Callable[[], object]) -> None:
        """Have WORK done by some thread; it answers for its own errors. BusyError if the queue is full."""
        with self._lock:
            if self._unfinished >= self._size + self._limit:
                raise BusyError(f"{self._unfinished} requests are running or waiting already.",
                                hint="Try again when one of them has ended.")
            self._unfinished += 1
            start = self._threads < min(self._unfinished, self._size)
            if start:
                self._threads += 1
            number = self._threads
        self._work.put(work)
        if start:
            threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True).start()

    def close(self) -> None:
        """Let every thread end once it has nothing to do; nothing may be submitted any more."""
        with self._lock:
            threads = self._threads
        for _ in range(threads):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            finally:
                with self._lock:
                    self._unfinished -= 1

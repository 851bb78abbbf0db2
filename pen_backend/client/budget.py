"""How many calls are repeated: a share of all, so that a provider in trouble is not asked three times as much."""

import threading
from collections import deque
from collections.abc import Callable

SHARE = 0.1     # of the calls of a minute
FREE = 10       # in a minute, however few calls there are: a tenth of one is none
MINUTE = 60.0


class Budget:
    """The calls and the repetitions of the last minute, of any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: deque[float] = deque()
        self._repeated: deque[float] = deque()

    def call(self) -> None:
        """Note a call."""
        with self._lock:
            self._forget()
            self._calls.append(self._clock())

    def repeat(self) -> bool:
        """Note a repetition, and say whether there may be one."""
        with self._lock:
            self._forget()
            if len(self._repeated) >= max(FREE, int(SHARE * len(self._calls))):
                return False
            self._repeated.append(self._clock())
            return True

    def _forget(self) -> None:
        """Drop what is longer ago than a minute."""
        since = self._clock() - MINUTE
        for times in (self._calls, self._repeated):
            while times and times[0] <= since:
                times.popleft()

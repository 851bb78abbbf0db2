"""Watch what a block of code starts: programs, Python code, libraries. Python's own audit events tell."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

STARTING = frozenset({"os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen",
                      "pty.spawn", "exec", "compile", "ctypes.dlopen", "socket.connect", "pickle.find_class"})
_watching: list[list[str]] = []
_hooked: list[bool] = []


def _hook(event: str, _: tuple[object, ...]) -> None:
    if _watching and event in STARTING:
        _watching[-1].append(event)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Collect the events of the block."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)  # it cannot be removed again, so it does nothing outside of a block
    started: list[str] = []
    _watching.append(started)
    try:
        yield started
    finally:
        _watching.remove(started)

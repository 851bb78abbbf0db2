"""Run a command of the command line: every error becomes its message on stderr and its exit code."""

import contextlib
import os
from collections.abc import Callable

from pen_backend.errors import foreseen
from pen_backend.transports.terminal import OutputError, Terminal

INTERRUPTED = 130


def attempt(terminal: Terminal, run: Callable[[], int | None]) -> int:
    """Call RUN and return the program's exit code; PEN_DEBUG=1 lets errors through with their tracebacks."""
    debug = os.environ.get("PEN_DEBUG") == "1"
    try:
        return run() or 0
    except KeyboardInterrupt:
        terminal.clear()
        print(f"{terminal.program}: interrupted.", file=terminal.err)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the results has enough of them; Python must not complain when it flushes at its end.
        _forget_output(terminal)
        return 0
    except Exception as error:
        said = foreseen(error)
        if said is not None:
            terminal.fail(said)
        if isinstance(error, OutputError):
            _forget_output(terminal)
        if debug:
            raise
        if said is not None:
            return said.exit_code
        terminal.clear()
        print(f"{terminal.program}: a bug ({type(error).__name__}); PEN_DEBUG=1 shows where.", file=terminal.err)
        return 3


def _forget_output(terminal: Terminal) -> None:
    """Let what is still unwritten of the results go nowhere."""
    with contextlib.suppress(OSError):  # a stream of a test has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), terminal.out.fileno())

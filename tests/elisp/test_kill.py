"""What is left when Emacs is killed: the service goes, the engine that it has started stays."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pen_backend.service.context import Context
from tests.elisp.test_ert import ELISP, environment

SCRIPT = """(progn
  (require 'pen-rpc-methods)
  (setq pen-python-command "{python}")
  (message "%d %d" (plist-get (pen-rpc-engine-start :deadline 60) :pid) (pen-rpc-pid))
  (while t (sleep-for 1)))"""


@pytest.mark.slow
def test_the_engine_outlives_emacs_and_the_service_does_not(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    emacs = subprocess.Popen(
        [os.environ.get("EMACS", "emacs"), "-Q", "--batch", "-L", str(ELISP), "--eval",
         SCRIPT.format(python=sys.executable)], env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert emacs.stderr is not None
    engine = Context(environ=environ).engine()
    try:
        with emacs.stderr:
            told = next(line for line in emacs.stderr if re.fullmatch(rb"\d+ \d+\n", line))
        engine_pid, service = map(int, told.split())
        before = time.monotonic()
        emacs.kill()
        emacs.wait(10)
        while alive(service):
            assert time.monotonic() - before < 1
            time.sleep(0.005)
        running = engine.find()
        assert running is not None
        assert running.pid == engine_pid
    finally:
        emacs.kill()
        engine.stop()
    assert not alive(engine_pid)


def alive(pid: int) -> bool:
    """Say whether a process runs; one that nobody has waited for does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return False

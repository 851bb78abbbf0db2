"""C-g in a terminal: batch Emacs cannot quit, so a real one runs on a pty."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.elisp.test_ert import ELISP, environment
from tests.transports.pipes import PEER

SCRIPT = """(progn
  (require 'pen-rpc)
  (setq pen-python-command "{python}" pen-rpc-arguments (list "-P" "{peer}"))
  (defun note (text) (write-region text nil "{file}" nil 'silent))
  (global-set-key "z" (lambda () (interactive)
    (pen-rpc-call-sync "test-ping" nil)
    (run-at-time 0.1 nil #'note "waiting") ; a timer runs within the wait
    (condition-case nil (progn (pen-rpc-call-sync "test-sleep" '(:seconds 60) 60) (note "slept"))
      (quit (note (format "quit %d" (hash-table-count pen-rpc--pending)))))))
  (global-set-key "p" (lambda () (interactive) (note (pen-rpc-call-sync "test-ping" nil))))
  (note "ready"))"""


@pytest.mark.slow
def test_c_g_ends_a_call_that_waits_and_the_next_is_answered(tmp_path: Path) -> None:
    file = tmp_path / "note"
    master, slave = pty.openpty()
    emacs = subprocess.Popen(
        ["setsid", "-c", os.environ.get("EMACS", "emacs"), "-nw", "-Q", "-L", str(ELISP), "--eval",
         SCRIPT.format(python=sys.executable, peer=PEER, file=file)],
        stdin=slave, stdout=slave, stderr=slave, env=environment(tmp_path) | {"TERM": "xterm"})
    os.close(slave)

    def until(good: Callable[[str], bool], seconds: float = 60.0) -> None:
        """Drain what Emacs draws until the note is as wanted."""
        end = time.monotonic() + seconds
        while not (file.exists() and good(file.read_text())):
            assert time.monotonic() < end, file.read_text() if file.exists() else "no note"
            if select.select([master], [], [], 0.02)[0]:
                os.read(master, 1 << 16)

    try:
        until(lambda note: note == "ready")
        os.write(master, b"z")
        until(lambda note: note == "waiting")
        os.write(master, b"\x07")
        until(lambda note: note.startswith("quit"), 40.0)  # without C-g, it would sleep for 60
        assert file.read_text() in ("quit 0", "quit 1")  # 1: the cancel's own answer
        os.write(master, b"p")
        until(lambda note: note == "pong")
    finally:
        emacs.kill()
        emacs.wait(60)
        os.close(master)

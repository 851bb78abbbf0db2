"""What is left when Emacs is killed: the service goes, the engine that it has started stays, and so do its jobs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pen_backend.files import process_start_time
from pen_backend.service.context import Context
from tests.conftest import LiveEngine
from tests.elisp.test_ert import ELISP, environment
from tests.processes import wait_until_gone

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
        emacs.kill()
        emacs.wait(60)
        wait_until_gone(service)
        running = engine.find()
        assert running is not None
        assert running.pid == engine_pid
    finally:
        emacs.kill()
        engine.stop()
    assert process_start_time(engine_pid) is None


LAUNCH = """(progn
  (setq pen-python-command "{python}")
  (run-at-time 90 nil #'kill-emacs 1)
  (let ((job (with-temp-buffer
               (dotimes (number 400) (insert (format "- What is %d? A number.\\n" number)))
               (pen-finetune-region (point-min) (point-max) :model "two-layer" :n-epochs 50 :batch-size 1 :seed 1))))
    (with-current-buffer (pen-job job)
      (while (< (or (plist-get pen-job--fields :step) 0) 5) (accept-process-output nil 0.05))
      (message "%s %d" job (plist-get pen-job--fields :step)))
    (while t (sleep-for 1))))"""

FIND = """(progn
  (setq pen-python-command "{python}")
  (run-at-time 90 nil #'kill-emacs 1)
  (pen-mode)
  (with-current-buffer (pen-jobs)
    (while (not (and (string-prefix-p " Pen[1 " (pen--mode-line)) ; others may still be ending
                     (string-match-p "^ftjob-.* running " (buffer-string))))
      (accept-process-output nil 0.05)))
  (message "%s" (pen--mode-line))
  (with-current-buffer (pen-job "{job}")
    (let (steps)
      (while (<= (or (car steps) 0) {step}) ; the newest is the first
        (accept-process-output nil 0.05)
        (setq steps (mapcar (lambda (point) (plist-get point :step)) pen-job--curve)))
      (message "%S" steps)))
  (message "%s" (pen-job-cancel "{job}")))"""


def emacs_of(engine: LiveEngine, form: str) -> "subprocess.Popen[bytes]":
    """Start a batch Emacs whose service finds the engine."""
    environ = {**engine.environ, "LANG": "C.UTF-8", "PYTHONPATH": str(ELISP.parent)}
    return subprocess.Popen(
        [os.environ.get("EMACS", "emacs"), "-Q", "--batch", "-L", str(ELISP), "-l", "pen", "-l", "pen-job", "-l",
         "pen-jobs", "--eval", form], env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def says(emacs: "subprocess.Popen[bytes]", pattern: str) -> "re.Match[str]":
    """Return the first line of an Emacs that matches all of PATTERN."""
    assert emacs.stderr is not None
    lines = []
    for line in emacs.stderr:
        lines.append(line.decode().strip())
        if found := re.fullmatch(pattern, lines[-1]):
            return found
    raise AssertionError("\n".join(lines))


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_job_goes_on_without_its_emacs_and_the_next_one_finds_it(engine: LiveEngine) -> None:
    first = emacs_of(engine, LAUNCH.format(python=sys.executable))
    job, step = says(first, r"(ftjob-\w+) (\d+)").groups()
    trainers = engine.process.status(engine.running)["trainers"]
    first.kill()
    first.wait(60)
    second = emacs_of(engine, FIND.format(python=sys.executable, job=job, step=step))
    try:
        total = int(says(second, r"Pen\[1 \d+/(\d+)\]")[1])
        steps = [int(number) for number in says(second, r"\(([\d ]+)\)")[1].split()]
        assert steps[-1] == 1
        assert int(step) < steps[0] < total
        assert steps == sorted(set(steps), reverse=True)
        still = engine.process.status(engine.running)["trainers"]  # another test's may have ended meanwhile
        assert still
        assert set(still) <= set(trainers)
        assert says(second, "cancelled")
    finally:
        second.kill()
        second.wait(60)

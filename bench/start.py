"""How long it takes from the start of a batch Emacs to the service's first answer.

Run it: python -m bench start

The median of 15 starts of `emacs -Q --batch` with the real service, nothing running before; Lisp is byte-compiled.
The four figures take turns, so that a busy moment falls on all of them.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.emacs import DEADLINE, EMACS, LINK, STREAM, compiled, environment
from bench.row import Row

STARTS = 15
COLD_STARTS = 3
FIRST_TEXT = """(progn (require 'pen-rpc-methods) (catch 'told
  (pen-stream-wait #'pen-rpc-completions-start
                   '(:prompt "pun-complete" :values (("jokes" "Why did the clock wait?")) :n 1 :max-tokens 20)
                   120 (lambda (kind _) (when (eq kind 'delta) (throw 'told t))))))"""
CALL = b"(call 1 pen-hello ((:protocol 1)))"
HELLO = b"%06x%b\n" % (len(CALL) + 1, CALL)


def rows() -> list[Row]:
    """Measure the first answer, the first list of definitions, the service's own part of it, and a cold completion."""
    answer, listed, hello, python, cold = [], [], [], [], []
    with compiled(LINK, STREAM) as lisp, TemporaryDirectory(prefix="pen-bench-") as name:
        home = Path(name)
        for _ in range(STARTS):
            answer.append(from_emacs(lisp, home, '(pen-rpc-call-sync "pen-hello" (list :protocol 1))'))
            listed.append(from_emacs(lisp, home, '(pen-rpc-call-sync "prompts-list" nil)'))
            hello.append(from_python(home))
            python.append(bare(home))
        for _ in range(COLD_STARTS):
            try:
                cold.append(from_emacs(lisp, home, FIRST_TEXT, "pen-stream"))
            finally:
                subprocess.run([sys.executable, "-P", "-m", "pen_backend", "engine", "stop"], env=environment(home),
                               cwd=home, check=True, timeout=DEADLINE, capture_output=True)
    return [
        {"name": "start-cold-completion", "ratio": statistics.median(cold) / 1000, "against": "s to the first text",
         "goal": 10, "better": "lower", "values": cold},
        {"name": "start-first-answer", "ratio": statistics.median(answer), "against": "ms", "goal": 200,
         "better": "lower", "values": answer},
        {"name": "start-prompts-list", "ratio": statistics.median(listed), "against": "ms", "goal": None,
         "better": "lower", "values": listed},
        {"name": "start-to-hello", "ratio": statistics.median(hello) / statistics.median(python),
         "against": 'python -c "import epc.server"', "goal": 2, "better": "lower", "values": [*hello, *python]},
    ]


def from_emacs(lisp: Path, home: Path, call: str, load: str = "pen-rpc") -> float:
    """Start Emacs with the file LOAD and return the milliseconds until it tells of CALL's answer."""
    expression = f'(progn (setq pen-python-command "{sys.executable}") {call} (message "answered"))'
    before = time.monotonic()
    with subprocess.Popen([EMACS, "-Q", "--batch", "-L", str(lisp), "-l", load, "--eval", expression],
                          env=environment(home), stderr=subprocess.PIPE, text=True) as emacs:
        assert emacs.stderr is not None
        line = emacs.stderr.readline()
        passed = 1000 * (time.monotonic() - before)
        rest = emacs.stderr.read()
        if emacs.wait(DEADLINE) != 0 or line != "answered\n":
            raise RuntimeError(f"Emacs did not get an answer: {line}{rest}")
    return passed


def from_python(home: Path) -> float:
    """Start the service and return the milliseconds until it has greeted."""
    before = time.monotonic()
    with subprocess.Popen([sys.executable, "-P", "-m", "pen_backend", "serve"], env=environment(home), cwd=home,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        service.stdin.write(HELLO)
        service.stdin.flush()
        answer = service.stdout.read(6)
        passed = 1000 * (time.monotonic() - before)
        answer += service.stdout.read(int(answer, 16))
        service.stdin.close()
        if b"(return 1 (:protocol 1" not in answer:
            raise RuntimeError(f"The service did not greet: {answer!r}")
    return passed


def bare(home: Path) -> float:
    """Return the milliseconds of a Python that imports the stock server."""
    before = time.monotonic()
    subprocess.run([sys.executable, "-c", "import epc.server"], env=environment(home), cwd=home, check=True,
                   timeout=DEADLINE)
    return 1000 * (time.monotonic() - before)

"""How long Emacs is held: loading pen, accepting and rejecting, a stream of 5,000 chunks, a list of 200 jobs.

Run it: python -m bench screens

Lisp is byte-compiled and the service is a table, so only Emacs is measured; collections are left out.
"""

import json
import statistics
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.emacs import DEADLINE, ELISP, EMACS, compiled, environment
from bench.row import Row

RUNS = 5
LOADS = 15
KEYS = ("accept", "next", "reject", "abort", "filter-accept", "filter-reject")
SCRIPT = Path(__file__).parent / "screens" / "pen-bench-screens.el"
JOBS = SCRIPT.with_name("pen-bench-jobs.el")
LOAD = """(let ((before (float-time)) (collecting gc-elapsed))
  (require 'pen)
  (princ (* 1000 (- (float-time) before (- gc-elapsed collecting)))))"""


def rows() -> list[Row]:
    """Measure the load, the slowest key, the longest gap of a timer of 10 ms in a stream, and the list of jobs."""
    files = (*sorted(ELISP.glob("*.el")), SCRIPT, JOBS)
    with compiled(*files) as lisp, TemporaryDirectory(prefix="pen-bench-") as name:
        home = Path(name)
        loads = [float(run(lisp, home, "--eval", LOAD)) for _ in range(LOADS)]
        figures = [json.loads(run(lisp, home, "-l", SCRIPT.stem)) for _ in range(RUNS)]
        jobs = [json.loads(run(lisp, home, "-l", JOBS.stem)) for _ in range(RUNS)]
    slowest = [max(one[key] for key in KEYS) for one in figures]
    gaps = [one["gap"] for one in figures]
    return [row("screens-load", loads, 60), row("screens-keys", slowest, 10), row("screens-stream-gap", gaps, 50),
            row("screens-200-jobs-one-changed", [one["one"] for one in jobs], 20),
            row("screens-200-jobs-drawn-anew", [one["all"] for one in jobs], 20)]


def row(name: str, values: list[float], goal: float) -> Row:
    """Make a row of milliseconds."""
    return {"name": name, "ratio": statistics.median(values), "against": "ms", "goal": goal, "better": "lower",
            "values": values}


def run(lisp: Path, home: Path, *arguments: str) -> str:
    """Run a batch Emacs and return what it prints."""
    return subprocess.run([EMACS, "-Q", "--batch", "-L", str(lisp), *arguments], env=environment(home), cwd=home,
                          check=True, timeout=DEADLINE, capture_output=True, text=True).stdout

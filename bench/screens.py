"""How long Emacs is held by what a person does: loading pen, accepting and rejecting, and a stream of 5,000 chunks.

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
LOAD = """(let ((before (float-time)) (collecting gc-elapsed))
  (require 'pen)
  (princ (* 1000 (- (float-time) before (- gc-elapsed collecting)))))"""


def rows() -> list[Row]:
    """Measure the load, the slowest of the keys, and the longest gap of a timer of 10 ms in a stream."""
    with compiled(*sorted(ELISP.glob("pen*.el")), SCRIPT) as lisp, TemporaryDirectory(prefix="pen-bench-") as name:
        home = Path(name)
        loads = [float(run(lisp, home, "--eval", LOAD)) for _ in range(LOADS)]
        figures = [json.loads(run(lisp, home, "-l", SCRIPT.stem)) for _ in range(RUNS)]
    slowest = [max(one[key] for key in KEYS) for one in figures]
    gaps = [one["gap"] for one in figures]
    return [row("screens-load", loads, 60), row("screens-keys", slowest, 10), row("screens-stream-gap", gaps, 50)]


def row(name: str, values: list[float], goal: float) -> Row:
    """Make a row of milliseconds."""
    return {"name": name, "ratio": statistics.median(values), "against": "ms", "goal": goal, "better": "lower",
            "values": values}


def run(lisp: Path, home: Path, *arguments: str) -> str:
    """Run a batch Emacs and return what it prints."""
    return subprocess.run([EMACS, "-Q", "--batch", "-L", str(lisp), *arguments], env=environment(home), cwd=home,
                          check=True, timeout=DEADLINE, capture_output=True, text=True).stdout

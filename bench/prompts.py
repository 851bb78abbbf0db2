"""How long it takes to load, validate and lint prompt definitions, against a bare parse of the same files.

Run it: python -m bench prompts

The files are the 92 of pen.el's own collection, or without those the definitions that come with pen. Both arms get the
same bytes and take turns; a round is the best of a few passes, the figure the median of the rounds' ratios. Imports
come before the first round.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from bench.row import Row
from pen_backend.prompts import loader

ROOT = Path(__file__).resolve().parents[1]
COLLECTION = ROOT.parent / "shared/data/ancestor-prompts"
SHIPPED = ROOT / "prompts"
ROUNDS = 15
PASSES = 5

Files = list[tuple[Path, bytes]]


def rows() -> list[Row]:
    """Measure the collection; on a machine without it, what comes with pen, without a goal."""
    rows = [measure("prompts-shipped", read(SHIPPED, "*.yaml"), None)]
    if COLLECTION.is_dir():
        rows.append(measure("prompts-ancestor", read(COLLECTION, "*.prompt"), 4.0))
    return rows


def read(directory: Path, pattern: str) -> Files:
    """Read files of definitions."""
    return [(path, path.read_bytes()) for path in sorted(directory.glob(pattern))]


def measure(name: str, files: Files, goal: float | None) -> Row:
    """Time both arms in turns and return the median of the ratios."""
    ratios = [best_of(lambda: ours(files)) / best_of(lambda: bare(files)) for _ in range(ROUNDS)]
    return {"name": name, "ratio": statistics.median(ratios), "against": f"CSafeLoader alone, {len(files)} files",
            "goal": goal, "better": "lower", "values": ratios}


def best_of(arm: Callable[[], None]) -> float:
    """Return the least CPU time of a few passes."""
    times = []
    for _ in range(PASSES):
        before = time.process_time()
        arm()
        times.append(time.process_time() - before)
    return min(times)


def ours(files: Files) -> None:
    """Load, validate and lint."""
    for path, data in files:
        loader.check(data, path.name, path)


def bare(files: Files) -> None:
    """Parse."""
    for _, data in files:
        yaml.load(data, Loader=yaml.CSafeLoader)

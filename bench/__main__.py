"""Run the benchmarks, print one table and write bench/results.json.

Run it: python -m bench              (every family)
        python -m bench link start   (some of them; rows of the others stay as they were)
"""

import importlib
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from bench.row import Row
from pen_backend.files import Disk, write_atomic

FAMILIES = ("start", "engine", "link", "screens", "prompts", "data", "training", "generation")
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> int:
    """Measure the named families, or all of them; return an exit status."""
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        print(f"There is no benchmark {unknown[0]}; there are: {', '.join(FAMILIES)}.", file=sys.stderr)
        return 1
    rows: list[Row] = []
    for name in names or FAMILIES:
        started = time.monotonic()
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"bench.{name}").rows()
        print(f"measured {name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(table(rows))
    write_atomic(RESULTS, (json.dumps(merge(earlier(), rows), indent=1) + "\n").encode(), Disk())
    return 0


def earlier() -> list[Row]:
    """Read the rows of the last run, if there was one."""
    if not RESULTS.exists():
        return []
    rows: list[Row] = json.loads(RESULTS.read_text())
    return rows


def merge(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Replace rows by name, keep the others, sort by name."""
    by_name = {row["name"]: row for row in (*old, *new)}
    return [by_name[name] for name in sorted(by_name)]


def table(rows: list[Row]) -> str:
    """Lay the rows out for people: measured, against what, goal, and whether it is reached."""
    lines = [("figure", "measured", "against", "goal", "")]
    for row in rows:
        goal = row["goal"]
        wanted = "–" if goal is None else f"{'≤' if row['better'] == 'lower' else '≥'} {goal:g}"
        lines.append((row["name"], f"{row['ratio']:.3g}", row["against"], wanted, verdict(row)))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)


def verdict(row: Row) -> str:
    """Say whether a row reaches its goal; a row without a goal says nothing."""
    if row["goal"] is None:
        return ""
    reached = row["ratio"] <= row["goal"] if row["better"] == "lower" else row["ratio"] >= row["goal"]
    return "reached" if reached else "MISSED"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

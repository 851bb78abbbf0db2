"""How long a synchronous call from Emacs takes, against bare pipes and against jsonrpc.el.

Run it: python -m bench link

The three links are measured in one Emacs, in blocks that take turns (bench/link/pen-bench-link.el); a row's values are
the blocks' medians in milliseconds, pen's first.
"""

import json
import statistics
import subprocess
import sys

from bench.emacs import DEADLINE, EMACS, ROOT, compiled, environment, link_files
from bench.row import Row

PEERS = ROOT / "bench" / "link"
NOISY = 1.5  # bare pipes whose blocks differ by more say that the machine was busy


def rows() -> list[Row]:
    """Measure; where the machine is too busy to judge, the rows have no goal."""
    blocks = measure()
    raw, jsonrpc, pen = (medians(blocks[name]) for name in ("raw", "jsonrpc", "pen"))
    spread = max(raw) / min(raw)
    if spread > NOISY:
        print(f"noisy: the bare pipes' blocks differ by a factor of {spread:.1f}; nothing is judged", file=sys.stderr)
    for name, found in (("raw", raw), ("jsonrpc", jsonrpc), ("pen", pen)):
        collecting = statistics.mean(block[1] for block in blocks[name])
        print(f"  {name:8} p50 {statistics.median(found):.3f} ms, collecting garbage {collecting:.3f} ms a call",
              file=sys.stderr)
    return [row("link-sync-p50-raw-pipe", "raw pipe echo", pen, raw, 1.5, spread),
            row("link-sync-p50-jsonrpc", "jsonrpc.el, log off", pen, jsonrpc, 1.0, spread)]


def row(name: str, against: str, pen: list[float], peer: list[float], goal: float, spread: float) -> Row:
    """Make the row of one comparison."""
    return {"name": name, "ratio": statistics.median(pen) / statistics.median(peer), "against": against,
            "goal": goal if spread <= NOISY else None, "better": "lower", "values": [*pen, *peer]}


def medians(blocks: list[list[float]]) -> list[float]:
    """Take the median round trip of each block."""
    return [block[0] for block in blocks]


def measure() -> dict[str, list[list[float]]]:
    """Run the blocks in Emacs: by link, a list of (median, collecting), in ms."""
    with compiled(*link_files(), PEERS / "pen-bench-link.el") as lisp:
        done = subprocess.run(
            [EMACS, "-Q", "--batch", "-L", str(lisp), "-l", "pen-bench-link", "--eval",
             f'(setq pen-bench-python "{sys.executable}" pen-bench-directory "{PEERS}" pen-bench-state "{lisp}")',
             "-f", "pen-bench-run"], env=environment(lisp), check=True, timeout=DEADLINE, stdout=subprocess.PIPE)
    found: dict[str, list[list[float]]] = json.loads(done.stdout)
    return found

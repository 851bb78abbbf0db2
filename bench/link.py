"""What the link between Emacs and the service costs, against bare pipes, jsonrpc.el and stock epc.el.

Run it: python -m bench link

All links are measured in one Emacs, in blocks that take turns (bench/link/pen-bench-link.el); a row's values are the
blocks' milliseconds a call, pen's first. Stock epc.el is measured where Debian's elpa-epc is installed.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.emacs import DEADLINE, EMACS, ROOT, compiled, environment
from bench.row import Row
from bench.start import bare, from_python

PEERS = ROOT / "bench" / "link"
STOCK = Path("/usr/share/emacs/site-lisp/elpa")
NOISY = 1.5  # bare pipes whose blocks differ by more say that the machine was busy
STARTS = 15

Blocks = list[list[float]]  # of one link: milliseconds a call, and of those in collections

FIGURES = (  # row, measurement, peer, what it is, goal, better
    ("sync-p50-raw-pipe", "sync", "raw", "raw pipe echo", 1.5, "lower"),
    ("sync-p50-jsonrpc", "sync", "jsonrpc", "jsonrpc.el, log off", 1.0, "lower"),
    ("sync-p50-stock", "stock-sync", "stock", "stock epc.el as shipped", 0.001, "lower"),
    ("pipelined-jsonrpc", "pipelined", "jsonrpc", "calls/s of jsonrpc.el, 64 in flight", 3.0, "higher"),
    ("events-jsonrpc", "events", "jsonrpc", "events/s of jsonrpc.el, 20,000", 2.0, "higher"),
    ("events-stock", "stock-events", "stock", "events/s of stock epc.el, 4,000", 10.0, "higher"),
    ("records-to-emacs-jsonrpc", "records-to-emacs", "jsonrpc", "jsonrpc.el and orjson, 1000 records", 1.1, "lower"),
    ("records-to-python-jsonrpc", "records-to-python", "jsonrpc", "jsonrpc.el and orjson, 1000 records", 1.0, "lower"),
    ("text-to-emacs-jsonrpc", "text-to-emacs", "jsonrpc", "jsonrpc.el and orjson, 1 MB", 1.1, "lower"),
    ("text-to-python-jsonrpc", "text-to-python", "jsonrpc", "jsonrpc.el and orjson, 1 MB", 1.0, "lower"),
    ("records-to-emacs-stock", "stock-records-to-emacs", "stock", "speed of epc.el looking every ms", 2.5, "higher"),
    ("records-to-python-stock", "stock-records-to-python", "stock", "speed of epc.el looking every ms", 1.5, "higher"),
)


def rows() -> list[Row]:
    """Measure; where the machine is too busy to judge, the rows have no goal."""
    found = measure()
    raw = [block[0] for block in found["sync"]["raw"]]
    spread = max(raw) / min(raw)
    if spread > NOISY:
        print(f"noisy: the bare pipes' blocks differ by a factor of {spread:.1f}; nothing is judged", file=sys.stderr)
    for measurement, links in found.items():
        for name, blocks in links.items():
            print(f"  {measurement:24} {name:8} {middle(blocks):9.3f} ms, collecting garbage "
                  f"{statistics.mean(block[1] for block in blocks):.3f} ms", file=sys.stderr)
    return [*(row(figure, found[figure[1]], spread) for figure in FIGURES if figure[1] in found), greeting(spread)]


def row(figure: tuple[str, str, str, str, float, str], links: dict[str, Blocks], spread: float) -> Row:
    """Make the row of one comparison."""
    name, _, peer, against, goal, better = figure
    lower = better == "lower"
    pen, other = middle(links["pen"]), middle(links[peer])
    values = [block[0] for link in ("pen", peer) for block in links[link]]
    return {"name": f"link-{name}", "ratio": pen / other if lower else other / pen, "against": against,
            "goal": goal if spread <= NOISY else None, "better": "lower" if lower else "higher", "values": values}


def middle(blocks: Blocks) -> float:
    """Take the median of the blocks."""
    return statistics.median(block[0] for block in blocks)


def greeting(spread: float) -> Row:
    """Measure how long the service takes from its start to its greeting."""
    with TemporaryDirectory(prefix="pen-bench-") as home:
        times = [(from_python(Path(home)), bare(Path(home))) for _ in range(STARTS)]
    pen, python = ([each[index] for each in times] for index in (0, 1))
    return {"name": "link-start-to-hello", "ratio": statistics.median(pen) / statistics.median(python),
            "against": 'python -c "import epc.server"', "goal": 2.0 if spread <= NOISY else None, "better": "lower",
            "values": [*pen, *python]}


def measure() -> dict[str, dict[str, Blocks]]:
    """Run the blocks in Emacs: by measurement and link."""
    stock = [each for path in sorted(STOCK.glob("*")) for each in ("-L", str(path))]
    with compiled(PEERS / "pen-bench-link.el") as lisp:
        done = subprocess.run(
            [EMACS, "-Q", "--batch", *stock, "-L", str(lisp), "-l", "pen-bench-link", "--eval",
             f'(setq pen-bench-python "{sys.executable}" pen-bench-directory "{PEERS}" pen-bench-state "{lisp}")',
             "-f", "pen-bench-run"], env=environment(lisp), check=True, timeout=DEADLINE, stdout=subprocess.PIPE)
    found: dict[str, dict[str, Blocks]] = json.loads(done.stdout)
    return found

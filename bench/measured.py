"""Run a command, and tell what it took: seconds of wall and of CPU, and the most memory it held, in MB.

Run it: python -S bench/measured.py COMMAND …    (prints one line of JSON; what the command says is not shown)

A process of its own, because a child's peak begins with what its parent holds when it starts.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict

DEADLINE = 600


class Cost(TypedDict):
    """What a command took."""

    wall: float
    cpu: float
    peak: float


def measured(command: list[str], directory: Path) -> Cost:
    """Run a command in a directory through this file; an exit status other than 0 is an error."""
    done = subprocess.run([sys.executable, "-S", __file__, *command], cwd=directory, check=True, timeout=DEADLINE,
                          stdout=subprocess.PIPE)
    cost: Cost = json.loads(done.stdout)
    return cost


def main(command: list[str]) -> int:
    """Run the command and print its cost; return its exit status."""
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    cost = Cost(wall=time.monotonic() - started, cpu=used.ru_utime + used.ru_stime, peak=used.ru_maxrss / 1024)
    print(json.dumps(cost))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

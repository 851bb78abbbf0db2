"""One of several processes that train jobs, one after the other: python -P ranks.py JOBDIR… [--stop-at TEXT JOBDIR].

After --stop-at, a job is asked to stop when its journal holds the text, and then trained again. In fp32, so that the
processes' losses can be compared with those of one.
"""

import sys
from pathlib import Path

from pen_backend.engine.nn.outcome import Exit, Stop
from pen_backend.engine.train import run_job
from tests.disks import QuickDisk
from tests.engine.nn.disks import StopsAt


def main() -> int:
    arguments = sys.argv[1:]
    text = ""
    if "--stop-at" in arguments:
        place = arguments.index("--stop-at")
        text = arguments[place + 1]
        stopped = arguments[place + 2]
        del arguments[place : place + 2]
    for name in arguments:
        if text and name == stopped:
            stop = Stop()
            code = run_job(Path(name), attempt=1, disk=StopsAt(text, stop), stop=stop, precision="fp32")
            if code != Exit.STOPPED:
                return 1
        code = run_job(Path(name), attempt=2, disk=QuickDisk(), stop=Stop(), precision="fp32")
        if code != Exit.DONE:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

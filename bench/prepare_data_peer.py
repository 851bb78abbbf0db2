"""Runs prepare_data of the openai package on FILE, as its command line does, and prints what that cost as JSON.

Run it with a Python that has openai[datalib]==2.34.0: prepare_data_peer.py FILE
"""

import contextlib
import importlib
import io
import json
import re
import sys
import time
from pathlib import Path

started = time.monotonic()
sys.argv = ["openai", "tools", "fine_tunes.prepare_data", "-f", sys.argv[1], "-q"]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    importlib.import_module("openai.cli").main()
# Of this program alone: what getrusage tells counts the memory of the process that started it, too.
peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps({"wall": time.monotonic() - started, "cpu": time.process_time(),
                  "peak": int(peak[1]) * 1024 if peak else 0}))

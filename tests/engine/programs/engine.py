"""The real engine with other programs: python -P engine.py STATE SETTINGS-AS-JSON."""

import json
import sys
from pathlib import Path

from pen_backend.engine.__main__ import run
from pen_backend.engine.server import Settings

if __name__ == "__main__":
    state = Path(sys.argv[1])
    given = json.loads(sys.argv[2])
    given["bases"] = [Path(path) for path in given["bases"]]
    sys.exit(run(Settings(state, **given), state / "engine.json"))

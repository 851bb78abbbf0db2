"""Join near texts as pen does.

Run it: python bench/data/near.py TEXTS THRESHOLD OUT    (TEXTS are JSON lines)
"""

import json
import sys
from pathlib import Path

from pen_backend.dataset.near import Shingles, pairs

with Path(sys.argv[1]).open() as stream:
    found = sorted(pairs(Shingles(map(json.loads, stream)), float(sys.argv[2])))
Path(sys.argv[3]).write_text(json.dumps(found))

"""Build the training set of a definition, as pen does; print the seconds of CPU that it took, imports not counted.

Run it: python bench/data/ours.py DEFINITION OUT
"""

import json
import sys
import time
from pathlib import Path

import pen_backend
from pen_backend.dataset.build import build
from pen_backend.prompts import loader
from pen_backend.tokens import from_tokenizer_json

definition, out = loader.load(Path(sys.argv[1])), Path(sys.argv[2])
encoder = from_tokenizer_json(Path(pen_backend.__file__).parent / "engine/base/pen-tiny/tokenizer.json", "pen-tiny")
started = time.process_time()
done = build(definition, out=out, encoder=encoder)
out.with_suffix(".json").write_text(json.dumps({
    "cpu": time.process_time() - started, "records": done.report.records, "tokens": dict(done.report.tokens)}))

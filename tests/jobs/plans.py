"""Published training sets, as small as they come."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[Mapping[str, Any]]
ROWS: Rows = [{"data": {"text_list": [f"One {i}.\n", f" Two {i}.\n\n"], "loss_weights": [0.3, 0.7]}} for i in range(12)]


def make_plan(directory: Path, train: Rows = ROWS, valid: Rows = ROWS[:3], **manifest: Any) -> Path:
    """Write a build as `dataset/build` publishes it: the manifest last."""
    directory.mkdir(parents=True)
    outputs = []
    for name, rows in (("train.jsonl", train), ("valid.jsonl", valid)):
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        (directory / name).write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        outputs.append({"name": name, "rows": len(rows), "bytes": len(data), "sha256": sha256})
    (directory / "manifest.json").write_text(json.dumps(
        {"prompt": "pun-complete", "format_hash": "f" * 64, "outputs": outputs, **manifest}))
    return directory

"""Whatever the bytes are: a result, or an error of ours."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.prepare.run import Request
from pen_backend.errors import PenError
from tests.dataset.prepare import run

NAMES = st.sampled_from(["x.jsonl", "x.json", "x.csv", "x.tsv", "x.txt", "x.xlsx", "x.jsonl.gz", "x"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), lambda inner: st.lists(
        inner, max_size=3) | st.dictionaries(st.sampled_from(["0", "1", "role", "content", "messages", "x"]), inner,
                                             max_size=3), max_leaves=8)
KEYS = st.sampled_from(["prompt", "completion", "Prompt", "messages", "chosen", "rejected", "input", "data",
                        "preferred_output", "non_preferred_output", "conversations", "text", " completion"])
LOOK = Request(write=False, max_bad=1)


def survive(path: Path) -> None:
    try:
        done = run(path, LOOK)
    except PenError:
        return
    assert done.ok == all(one.level != "error" for one in done.findings)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES, content=st.binary(max_size=80))
def test_any_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    survive(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(name=NAMES, rows=st.lists(st.dictionaries(KEYS, JSON, max_size=4), max_size=4), listed=st.booleans())
def test_any_objects(tmp_path: Path, name: str, rows: list[dict[str, Any]], listed: bool) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(rows) if listed else "".join(json.dumps(row) + "\n" for row in rows))
    survive(path)


@pytest.mark.parametrize("content", [
    b"[" * 100_000, b'{"prompt": NaN, "completion": "a"}', b'{"prompt": "\\ud800", "completion": "a"}',
    b'{"prompt": "<|endoftext|>", "completion": "<|endoftext|>"}\n', b'{"prompt": "a", "completion": "' + b"x" * 2**21,
])
def test_awkward_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    survive(tmp_path / "x.jsonl")

import json
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.nn.outcome import Exit, TrainingError
from pen_backend.engine.nn.spec import read_spec
from tests.engine.nn import tiny


def changed(tmp_path: Path, **changes: Any) -> Path:
    return tiny.make_job(tmp_path / "job", tmp_path, **changes) / "spec.json"


def test_a_spec_is_read(tmp_path: Path) -> None:
    spec = read_spec(changed(tmp_path, lora={"r": 4, "alpha": 8, "dropout": 0, "target": "all-linear"}))

    assert spec.lora is not None
    assert spec.lora.alpha == 8.0
    assert spec.train.name == "train.jsonl"


@pytest.mark.parametrize(("changes", "message"), [
    ({"spec_version": 2}, "spec_version is 2, this trainer reads version 1"),
    ({"seed": "7"}, r"spec\.seed must be a whole number"),
    ({"seed": True}, r"spec\.seed must be a whole number"),
    ({"learning_rate": float("inf")}, r"spec\.learning_rate must be a number"),
    ({"learning_rate": 0}, "learning_rate must be above 0"),
    ({"tune": "half"}, r"spec\.tune must be one of full, lora"),
    ({"speed": 1}, r"spec\.speed is not a key"),
    ({"base": {"name": "x"}}, r"spec\.base\.path is missing"),
    ({"base": {"name": "x", "path": "relative"}}, r"spec\.base\.path must be an absolute path"),
    ({"completions": {"every": 1, "prompts": [1]}}, r"spec\.completions\.prompts\[0\] must be text"),
    ({"batch": {"kind": "examples"}}, r"batch\.size must be at least 1"),
    ({"classification": {"n_classes": 2}}, "classification needs valid"),
    ({"classification": {}}, "classification needs n_classes or positive_class"),
    ({"method": "dpo"}, "beta must be above 0 and at most 2 for dpo"),
    ({"method": "dpo", "beta": 0.1, "batch": {"kind": "windows", "size": 1}}, "dpo needs whole examples"),
])
def test_what_is_wrong_with_a_spec_is_said(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        read_spec(changed(tmp_path, **changes))

    assert caught.value.exit == Exit.SPEC


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_garbage_is_no_spec(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "spec.json").write_bytes(content)

    with pytest.raises(TrainingError):
        read_spec(tmp_path / "spec.json")


def test_a_spec_without_data_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path)
    spec = json.loads(path.read_bytes())
    del spec["train"]
    path.write_text(json.dumps(spec))

    with pytest.raises(TrainingError, match=r"spec\.train is missing"):
        read_spec(path)

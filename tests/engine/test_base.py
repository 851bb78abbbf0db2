"""pen-tiny as it is shipped: whole, small, and what its card says."""

import hashlib
import json
import re
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2] / "pen_backend" / "engine" / "base" / "pen-tiny"


@pytest.fixture(scope="module")
def manifest() -> dict[str, dict[str, object]]:
    loaded: dict[str, dict[str, object]] = json.loads((BASE / "manifest.json").read_text())
    return loaded


def test_every_file_is_the_one_the_manifest_names(manifest: dict[str, dict[str, object]]) -> None:
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in BASE.iterdir()
             if path.name not in ("manifest.json", "README.md")}
    assert there == manifest["files"]


def test_the_weights_are_bf16_and_at_most_15_megabytes() -> None:
    weights = (BASE / "model.safetensors").read_bytes()
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} == {"BF16"}
    assert len(weights) <= 15_000_000


def test_pad_is_not_the_end_of_text() -> None:
    config = json.loads((BASE / "config.json").read_text())
    assert config["pad_token_id"] != config["eos_token_id"]


def test_the_card_states_seed_tokens_and_the_measured_bits_per_byte(manifest: dict[str, dict[str, object]]) -> None:
    card = (BASE / "README.md").read_text()
    made = manifest["made"]
    assert f"seed {made['seed']}" in card
    assert f"{made['tokens']:,} tokens" in card
    measured = made["bits_per_byte"]
    assert isinstance(measured, dict)
    assert [kind for kind, value in measured.items() if not re.search(rf"{kind}\D+{value:.3f}", card)] == []

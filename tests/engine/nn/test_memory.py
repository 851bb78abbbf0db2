"""The memory estimate: it follows what costs memory, and a job that does not fit is refused with both figures."""

from array import array
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.nn.device import Device
from pen_backend.engine.nn.folder import ModelFolder
from pen_backend.engine.nn.memory import PROGRAM, memory_bytes
from pen_backend.engine.nn.outcome import Exit, TrainingError
from pen_backend.engine.nn.plan import plan_steps
from pen_backend.engine.nn.run import refuse_too_large
from pen_backend.engine.nn.spec import read_spec
from pen_backend.engine.nn.tokenise import Encoded, Span
from tests.engine.nn import tiny

HIDDEN, LAYERS, VOCABULARY = 256, 6, 4096
SHAPES: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), **{
    f"model.layers.{i}.mlp.{part}_proj.weight": (688, HIDDEN) for i in range(LAYERS) for part in "abcde"}}


def estimate(directory: Path, length: int = 45, budget: int = 4096, **changes: Any) -> float:
    """Estimate, in MB beside the program's own, training on 2,000 lines of LENGTH tokens."""
    config = {"hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": 4}
    folder = ModelFolder(directory, config, 2048, VOCABULARY, SHAPES)
    spec = read_spec(tiny.make_job(directory, directory, **{
        "batch": {"kind": "tokens", "size": None, "token_budget": budget}, **changes}) / "spec.json")
    examples = [Encoded(array("i", [5] * length), (Span(length, 1.0, scored=True),))] * 2000
    return (memory_bytes(folder, spec, plan_steps(examples, spec, 2048), length) - PROGRAM) / 1e6


def test_pen_tiny_takes_what_was_measured(tmp_path: Path) -> None:
    assert estimate(tmp_path / "full") == pytest.approx(858, rel=0.1)
    assert estimate(tmp_path / "lora", budget=2048, tune="lora") == pytest.approx(507, rel=0.1)


def test_larger_batches_take_more_and_one_long_example_is_a_batch(tmp_path: Path) -> None:
    assert estimate(tmp_path / "a", budget=2048) < estimate(tmp_path / "b", budget=4096)
    assert estimate(tmp_path / "c", budget=256, length=2000) > estimate(tmp_path / "d", budget=256)


def test_windows_count_with_their_size(tmp_path: Path) -> None:
    small, large = ({"kind": "windows", "size": 1, "token_budget": 4096}, {"kind": "windows", "size": 4,
                                                                          "token_budget": 4096})
    assert estimate(tmp_path / "a", batch=small, max_tokens=512) < estimate(tmp_path / "b", batch=large, max_tokens=512)


def test_a_job_that_does_not_fit_is_refused_with_both_figures() -> None:
    device = Device("cuda:0", "bf16")
    refuse_too_large(2_000_000_000, None, Device("cpu", "fp32"))
    refuse_too_large(2_000_000_000, 2_000_000_000, device)
    with pytest.raises(TrainingError, match=r"about 2,000 MB of memory, and cuda:0 has 1,500 MB free") as caught:
        refuse_too_large(2_000_000_000, 1_500_000_000, device)
    assert (caught.value.code, caught.value.exit) == ("out_of_memory", Exit.MEMORY)

"""Two processes that train one model lose what one loses, whatever divides between them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, but torch does not export it by type

from pen_backend.engine.nn.outcome import Exit, Stop
from pen_backend.engine.nn.ranks import divide
from pen_backend.engine.train import run_job
from tests.disks import QuickDisk
from tests.engine.nn import tiny
from tests.engine.nn.test_dpo import LINES as PREFERENCES

PROGRAM = Path(__file__).parents[1] / "programs" / "ranks.py"
DEADLINE = 150.0
VALID = {"valid": tiny.LINES[:7], "evaluate": {"every": 2, "sample": 3, "batch_size": 2}}
JOBS: dict[str, dict[str, Any]] = {
    # 39 examples by 13: an odd number of micro-batches, of odd sizes
    "examples": {"lines": tiny.LINES[:39], "batch": {"kind": "examples", "size": 13, "token_budget": 100}, **VALID},
    # steps of a single example cannot be divided at all
    "single": {"lines": tiny.LINES[:5], "batch": {"kind": "examples", "size": 1, "token_budget": 100}, "n_epochs": 1},
    "windows": {"batch": {"kind": "windows", "size": 3, "token_budget": 64}, "max_tokens": 64},
    "dpo": {"lines": PREFERENCES, "method": "dpo", "beta": 0.3, "valid": PREFERENCES[:3]}}


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(1, 5))
def test_every_process_gets_as_many_micro_batches_and_every_example_is_in_one(sizes: list[int], count: int) -> None:
    numbers = iter(range(sum(sizes)))
    groups = [tuple(next(numbers) for _ in range(size)) for size in sizes]

    found = divide(groups, count)

    assert len(found) % count == 0
    assert sorted(i for group in found for i in group) == list(range(sum(sizes)))
    assert sum(not group for group in found) < count
    if len(groups) % count == 0:
        assert found == groups


def train_on_two(jobs: list[Path], *options: str) -> None:
    """Train jobs in two processes, as torchrun starts them: where they meet is a server of its own."""
    meeting = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    started = [subprocess.Popen(
        [sys.executable, "-P", str(PROGRAM), *map(str, jobs), *options], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[3],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1",
             "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
             "TORCHELASTIC_USE_AGENT_STORE": "True", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(meeting.port)})
        for rank in (0, 1)]
    try:
        said = [process.communicate(timeout=DEADLINE)[0].decode() for process in started]
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.wait(60)
    assert [process.returncode for process in started] == [0, 0], "\n".join(said)


def metrics(job: Path) -> list[dict[str, float]]:
    return [{name: value for name, value in event["data"].items() if name != "tokens_per_second"}
            for event in tiny.events(job, "metrics")]


def make(directory: Path, model_folder: Path, *, lines: Any = tiny.LINES, **changes: Any) -> Path:
    return tiny.make_job(directory, model_folder, lines, **changes)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_lose_what_one_loses_and_resume_to_the_same_weights(model_folder: Path, tmp_path: Path) -> None:
    alone = {name: make(tmp_path / "alone" / name, model_folder, **options) for name, options in JOBS.items()}
    shared = {name: make(tmp_path / "shared" / name, model_folder, **options) for name, options in JOBS.items()}
    straight, stopped = (make(tmp_path / name, model_folder, **tiny.LORA, **VALID) for name in ("straight", "stopped"))
    for job in alone.values():
        assert run_job(job, attempt=1, disk=QuickDisk(), stop=Stop(), precision="fp32") == Exit.DONE

    train_on_two([*shared.values(), straight], "--stop-at", "Step 4/10", str(stopped))

    for name, job in shared.items():
        for ours, wanted in zip(metrics(job), metrics(alone[name]), strict=True):
            assert ours == pytest.approx(wanted, abs=1e-5, rel=1e-5), name
    assert tiny.weights_hash(stopped) == tiny.weights_hash(straight)
    assert [event["seq"] for event in tiny.events(stopped)] == list(range(1, len(tiny.events(stopped)) + 1))

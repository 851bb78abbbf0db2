"""A crowd of clients at once: each stream whole, none in error, in a fair order, and the server stays small."""

import json
from pathlib import Path

import pytest

from bench.streams import order, streams
from tests.engine.harness import SCRIPTED, EngineProcess, engine

pytestmark = [pytest.mark.slow, pytest.mark.reliability]

MEGABYTES = 300


def peak(running: EngineProcess) -> float:
    assert running.process is not None
    status = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in status if line.startswith("VmHWM:"))


def test_a_thousand_streams_at_once_are_all_answered(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, record=False, **SCRIPTED) as running:
        bodies = [{"model": "tiny", "prompt": f"{number}", "max_tokens": 3} for number in range(1000)]
        _, found = streams(running.port, running.token, bodies)
        assert sum(one.whole for one in found) == 1000
        assert all(one.body.count(b'"text":"w') == 3 for one in found)
        assert order(found) > 0.5
        assert peak(running) < MEGABYTES
        assert running.get("/pen/status")["completions"] == 0


def test_of_a_crowd_that_is_too_large_the_last_are_told_when_to_come_again(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, record=False, waiting_limit=20, **SCRIPTED) as running:
        bodies = [{"model": "tiny", "prompt": f"{number}", "max_tokens": 100} for number in range(60)]
        _, found = streams(running.port, running.token, bodies)
        refused = [one for one in found if one.status == 429]
        assert refused
        assert all(one.whole for one in found if one.status != 429)
        assert len(found) - len(refused) >= 20
        assert json.loads(refused[0].body)["error"]["code"] == "queue_full"

"""Trainer and engine killed at random moments, pauses and stops between: the weights are those of a job left alone.

The real trainer on a two-layer random model, with a checkpoint after every step; also with an adapter, with gradients
accumulated, and in windows.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.engine.harness import EngineProcess, real_engine
from tests.engine.nn.tiny import LINES, LORA

pytestmark = [pytest.mark.slow, pytest.mark.reliability, pytest.mark.timeout(600)]

SECONDS = 240
PLAIN: Mapping[str, Any] = {"checkpoint_seconds": 0, "learning_rate": 0.003, "tune": "full"}
WAYS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "full": ({"n_epochs": 2, "batch_size": 2}, {**PLAIN}),
    "lora": ({"n_epochs": 2, "batch_size": 2}, {**PLAIN, **LORA}),
    "accumulated": ({"n_epochs": 4, "batch_size": 12}, {**PLAIN, "max_tokens": 60}),
    "windows": ({"n_epochs": 3, "batch_size": 1}, {**PLAIN, "packing": "window", "max_tokens": 64}),
}
DEATHS = 3  # of a trainer, that a job outlives


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with real_engine(tmp_path_factory.mktemp("random-kills"), grace=60.0) as running:
        yield running


def create(real: EngineProcess, way: str) -> str:
    content = "".join(json.dumps(line) + "\n" for line in LINES).encode()
    hyperparameters, pen = WAYS[way]
    job = real.create_job(training_file=real.upload(content).json["id"], hyperparameters=hyperparameters, pen=pen)
    return str(job["id"])


def weights(real: EngineProcess, job: str) -> str:
    ended = real.wait(job, seconds=SECONDS)
    assert ended["status"] == "succeeded", (ended["error"], ended["pen"])
    (path,) = (real.state / "models" / job).glob("*model.safetensors")
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Chaos:
    """Harms that are done to one job, and to the engine it runs in."""

    def __init__(self, real: EngineProcess, job: str, draw: random.Random) -> None:
        self._real = real
        self.job = job
        self._draw = draw
        self._deaths = 0
        self.done: list[str] = []

    def _status(self) -> str:
        return str(self._real.get(f"/v1/fine_tuning/jobs/{self.job}")["status"])

    def _act(self, action: str) -> None:
        found = self._real.request("POST", f"/v1/fine_tuning/jobs/{self.job}/{action}")
        assert found.status in (200, 409), found.body

    def kill_trainer(self) -> None:
        pids = self._real.get("/pen/status")["trainers"]
        if pids and self._deaths < DEATHS:
            self._deaths += 1
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def kill_engine(self) -> None:
        self._real.kill()
        time.sleep(self._draw.uniform(0, 0.3))  # the trainer goes on alone
        self._real.start()

    def kill_both(self) -> None:
        pids = self._real.get("/pen/status")["trainers"] if self._deaths < DEATHS else []
        self._deaths += bool(pids)
        self._real.kill()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._real.start()

    def pause(self) -> None:
        self._act("pause")
        if self._draw.random() < 0.5:
            self.kill_engine()
        self._act("resume")

    def stop(self) -> None:
        assert self._real.stop() == 0
        self._real.start()

    def strike(self, count: int) -> None:
        """Do so many harms, each at a random moment of training, unless the job ends before."""
        for _ in range(count):
            deadline = time.monotonic() + SECONDS
            while self._status() not in ("running", "succeeded"):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(self._draw.uniform(0, 4.0))
            if self._status() == "succeeded":
                return
            harm = self._draw.choice((self.kill_trainer, self.kill_trainer, self.kill_engine, self.kill_both,
                                      self.pause, self.stop))
            self.done.append(harm.__name__)
            harm()


def suffer(real: EngineProcess, way: str, seed: int, count: int, alone: str) -> None:
    chaos = Chaos(real, create(real, way), random.Random(seed))
    chaos.strike(count)
    assert weights(real, chaos.job) == alone, chaos.done
    assert not list((real.state / "jobs" / chaos.job).rglob("*.tmp-*"))


def test_the_weights_are_those_of_a_job_left_alone(real: EngineProcess, seed: int) -> None:
    suffer(real, "lora", seed, 2, weights(real, create(real, "lora")))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("way", WAYS)
def test_the_weights_are_those_of_a_job_left_alone_however_often(real: EngineProcess, seed: int, way: str) -> None:
    alone = weights(real, create(real, way))
    for number in range(25):
        suffer(real, way, seed + number, 6, alone)

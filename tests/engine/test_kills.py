"""kill -9 of the trainer and of the engine: no step is trained twice, no event comes twice, the weights are the same.

The real trainer on a two-layer random model, with a checkpoint after every step.
"""

import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.restore import restore
from pen_backend.files import Disk
from tests.engine.harness import EngineProcess, engine, real_engine
from tests.engine.nn.tiny import LINES
from tests.processes import wait_until_gone

pytestmark = [pytest.mark.slow, pytest.mark.reliability, pytest.mark.timeout(400)]

STEPS = 40
SECONDS = 180  # of patience: a trainer loads torch first, on a busy machine that takes long
JOB: dict[str, Any] = {"hyperparameters": {"n_epochs": 2, "batch_size": 2},
                       "pen": {"checkpoint_seconds": 0, "learning_rate": 0.003, "completions_every": 5,
                               "num_completions": 2}}
KINDS = {"metrics", "sample", "checkpoint"}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with real_engine(tmp_path_factory.mktemp("kills")) as running:
        yield running


def create(real: EngineProcess) -> Path:
    content = "".join(json.dumps(line) + "\n" for line in LINES).encode()
    job = real.create_job(training_file=real.upload(content).json["id"], **JOB)
    return real.state / "jobs" / str(job["id"])


def weights(real: EngineProcess, jobdir: Path) -> str:
    assert real.wait(jobdir.name, seconds=SECONDS)["status"] == "succeeded"
    return hashlib.sha256((real.state / "models" / jobdir.name / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def unkilled(real: EngineProcess) -> str:
    return weights(real, create(real))


def told(jobdir: Path) -> list[dict[str, Any]]:
    """Read the whole lines of the trainer's journal."""
    try:
        lines = (jobdir / "events.jsonl").read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines]


def trained(jobdir: Path, attempt: int | None = None) -> list[int]:
    return [each["step"] for each in told(jobdir) if each["kind"] == "metrics" and attempt in (None, each["attempt"])]


def wait_for_step(jobdir: Path, step: int) -> None:
    deadline = time.monotonic() + SECONDS
    while max(trained(jobdir), default=0) < step:
        assert time.monotonic() < deadline, (jobdir / "trainer.log").read_text()
        time.sleep(0.005)


def checkpoint(jobdir: Path) -> int:
    return int((jobdir / "ckpt" / "latest").read_text().strip().rpartition("-")[2])


def trainer(real: EngineProcess) -> int:
    """Find the running trainer; a job is running a moment before its trainer is."""
    deadline = time.monotonic() + SECONDS
    while not (pids := real.get("/pen/status")["trainers"]):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    (pid,) = pids
    return int(pid)


def place(kind: str, data: dict[str, Any]) -> tuple[str, int, int]:
    """Say what an event is about; two attempts may both tell of it."""
    return kind, data["step"], data.get("index", 0)


def check_story(real: EngineProcess, jobdir: Path) -> None:
    """Every step was told once, in order, and whatever the trainer told, however often, is kept once."""
    events = real.events(jobdir.name)
    kept = [place(each["data"]["kind"], each["data"]) for each in events if (each["data"] or {}).get("kind") in KINDS]
    journal = {place(each["kind"], each["data"]) for each in told(jobdir)
               if each["kind"] in KINDS and each["data"].get("public", True)}
    assert {kind for kind, *_ in journal} == KINDS
    assert sorted(kept) == sorted(journal)
    assert [each["data"]["step"] for each in events if each["type"] == "metrics"] == list(range(1, STEPS + 1))


def test_a_killed_trainer_goes_on_from_its_checkpoint(real: EngineProcess, unkilled: str) -> None:
    jobdir = create(real)
    wait_for_step(jobdir, 5)
    os.kill(trainer(real), signal.SIGKILL)
    saved = checkpoint(jobdir)
    assert weights(real, jobdir) == unkilled
    assert 1 < saved < STEPS
    assert min(trained(jobdir, attempt=2)) > saved
    check_story(real, jobdir)
    assert real.get(f"/v1/fine_tuning/jobs/{jobdir.name}")["pen"]["attempt"] == 2


def test_a_killed_engine_finds_its_trainer_again_or_starts_another(real: EngineProcess, unkilled: str) -> None:
    jobdir = create(real)
    wait_for_step(jobdir, 3)
    pid = trainer(real)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot end before the next engine is there
    real.kill()
    real.start()
    assert trainer(real) == pid
    told_before = max(trained(jobdir))
    os.kill(pid, signal.SIGCONT)
    wait_for_step(jobdir, told_before + 3)
    real.kill()
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid, SECONDS)
    saved = checkpoint(jobdir)
    real.start()
    assert weights(real, jobdir) == unkilled
    assert told_before < saved < STEPS
    assert min(trained(jobdir, attempt=2)) > saved
    check_story(real, jobdir)


def act(real: EngineProcess, jobdir: Path, action: str) -> dict[str, Any]:
    found = real.request("POST", f"/v1/fine_tuning/jobs/{jobdir.name}/{action}")
    assert found.status == 200, found.body
    return found.json


def test_a_trainer_killed_while_it_pauses_and_while_it_resumes_loses_nothing(
        real: EngineProcess, unkilled: str) -> None:
    jobdir = create(real)
    wait_for_step(jobdir, 3)
    pid = trainer(real)
    os.kill(pid, signal.SIGSTOP)  # so that it cannot leave before it is killed
    pausing = act(real, jobdir, "pause")
    assert (pausing["status"], pausing["pen"]["want"]) == ("running", "pause")
    os.kill(pid, signal.SIGKILL)
    real.wait(jobdir.name, "paused", seconds=SECONDS)
    saved = checkpoint(jobdir)
    act(real, jobdir, "resume")
    real.wait(jobdir.name, "running", seconds=SECONDS)
    os.kill(trainer(real), signal.SIGKILL)  # it still loads
    assert weights(real, jobdir) == unkilled
    assert 1 < saved < STEPS
    check_story(real, jobdir)
    pen = real.get(f"/v1/fine_tuning/jobs/{jobdir.name}")["pen"]
    assert pen["attempt"] == 2
    assert "signal 9 (SIGKILL)" in pen["interruption"]


def test_an_engine_killed_while_it_pauses_and_while_it_resumes_keeps_its_word(
        real: EngineProcess, unkilled: str) -> None:
    jobdir = create(real)
    wait_for_step(jobdir, 3)
    pid = trainer(real)
    os.kill(pid, signal.SIGSTOP)
    assert act(real, jobdir, "pause")["status"] == "running"
    real.kill()
    os.kill(pid, signal.SIGCONT)  # it takes its step, writes a checkpoint and leaves, and nobody sees it
    wait_until_gone(pid, SECONDS)
    saved, told_before = checkpoint(jobdir), max(trained(jobdir))
    assert saved == told_before
    real.start()
    assert real.wait(jobdir.name, "paused", seconds=SECONDS)["pen"]["attempt"] == 1
    assert act(real, jobdir, "resume")["status"] == "queued"
    real.kill()
    real.start()
    assert weights(real, jobdir) == unkilled
    assert trained(jobdir) == list(range(1, STEPS + 1))
    check_story(real, jobdir)


def test_a_job_goes_on_elsewhere_from_a_backup_of_its_training(
        real: EngineProcess, unkilled: str, tmp_path: Path) -> None:
    jobdir = create(real)
    wait_for_step(jobdir, 5)
    archive = tmp_path / "backup.tar"
    archive.write_bytes(real.request("GET", "/pen/backup").body)
    act(real, jobdir, "cancel")
    elsewhere = tmp_path / "elsewhere"
    assert restore(archive, elsewhere, Disk())["missing"] == []
    saved = checkpoint(elsewhere / "jobs" / jobdir.name)
    with engine(elsewhere, real.state.parent / "bases", threads=1) as other:
        assert weights(other, elsewhere / "jobs" / jobdir.name) == unkilled
        check_story(other, elsewhere / "jobs" / jobdir.name)
    assert 1 < saved < STEPS
    assert min(trained(elsewhere / "jobs" / jobdir.name)) == 1

"""Jobs that end while their trainer runs: cancelled between two looks, given up, or telling nonsense last."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.directory import JobDirectory
from pen_backend.engine.scheduler.ending import publish
from pen_backend.engine.scheduler.start import start_from
from tests.engine.jobs.make import make_job
from tests.engine.programs.trainer import model, write
from tests.engine.scheduler.desk import Desk, wait_until


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.store.close()


def line(kind: str, data: dict[str, Any], *, step: Any = 4) -> str:
    return json.dumps({"seq": 1, "time": 1, "attempt": 1, "step": step, "kind": kind, "level": "info", "message": "m",
                       "data": data}) + "\n"


def ticked(desk: Desk) -> bool:
    desk.scheduler.tick()
    return True


@pytest.mark.parametrize("spoilt", ["base", "line"])
def test_a_cancelled_jobs_senseless_last_words_do_not_stop_the_others(desk: Desk, spoilt: str) -> None:
    job = desk.running()
    path = desk.runner.newest / "ckpt" / "step-00000004"
    model(path, 4)
    told = line("metrics", {}, step=[4]) if spoilt == "line" else \
        line("checkpoint", {"step": 4, "path": str(path), "public": True})
    (desk.runner.newest / "events.jsonl").write_text(told)
    if spoilt == "base":
        (desk.store.directory / "given" / "tiny" / "model.safetensors").write_bytes(b"\xff" * 100)
    state.cancel(desk.store, job.id)
    other = make_job(desk.store)
    desk.scheduler.tick()
    wait_until(lambda: desk.runner.stopped == [1001])
    wait_until(lambda: ticked(desk) and desk.get(job).pid is None)
    assert desk.get(job).state == "cancelled"
    assert not path.exists()
    assert len(desk.runner.submitted) == 3 or desk.get(other).state == "failed"  # its turn has come


def test_a_cancel_while_a_result_is_published_leaves_no_model(desk: Desk) -> None:
    job = desk.running()
    desk.succeed()
    base = desk.models.get("tiny")
    state.cancel(desk.store, job.id)
    publish(desk.store, job, start_from(base), "tiny", JobDirectory(desk.runner.newest, desk.store.disk))
    assert desk.get(job).state == "cancelled"
    assert desk.models.find(job.model_name) is None
    assert not (desk.store.directory / "models" / job.id).exists()
    counts = desk.store.read(lambda connection: [
        connection.execute("SELECT COUNT(*) FROM files").fetchone()[0],
        connection.execute("SELECT COUNT(*) FROM checkpoints").fetchone()[0]])
    assert counts == [0, 0]


def test_publishing_a_second_time_keeps_the_model(desk: Desk) -> None:
    job = desk.running()
    desk.succeed()
    base, directory = desk.models.get("tiny"), JobDirectory(desk.runner.newest, desk.store.disk)
    publish(desk.store, job, start_from(base), "tiny", directory)
    publish(desk.store, job, start_from(base), "tiny", directory)
    assert desk.models.get(job.model_name).path.is_dir()


def test_a_trainer_that_is_given_up_stays_recorded_until_it_is_gone(desk: Desk) -> None:
    job = desk.running()
    path = desk.runner.newest / "ckpt" / "step-00000004"
    model(path, 4)
    (desk.runner.newest / "events.jsonl").write_text(line("metrics", {}, step=[4]))
    desk.runner.may_leave.clear()
    desk.scheduler.tick()
    assert (desk.get(job).state, desk.get(job).pid) == ("failed", 1001)
    assert path.exists()
    desk.runner.may_leave.set()
    wait_until(lambda: not desk.scheduler.tick())
    assert desk.runner.stopped == [1001]
    assert desk.get(job).pid is None
    assert not path.exists()


def test_a_new_engine_ends_the_trainer_of_a_job_that_was_given_up(desk: Desk) -> None:
    job = desk.running()
    desk.store.transact(lambda connection: state.fail_alive(connection, job.id, {}))
    later = desk.make()
    later.tick()
    wait_until(lambda: not later.tick())
    assert desk.runner.stopped == [job.pid]
    assert desk.get(job).pid is None


def test_a_stop_ends_every_job_also_beside_one_that_makes_no_sense(desk: Desk) -> None:
    first = desk.running()
    write(desk.runner.newest / "result.json", {"steps": 10})
    desk.scheduler.stop()
    assert desk.get(first).state == "failed"

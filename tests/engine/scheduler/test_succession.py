"""A new engine takes over what the last one left: adopts, publishes, ends; a stop and a cancel send trainers home."""

import json

import pytest

from pen_backend.engine.jobs import state
from tests.engine.jobs.make import events, make_job
from tests.engine.scheduler.desk import Desk, wait_until


def test_an_engine_that_died_while_publishing_publishes_again(desk: Desk) -> None:
    job = desk.running()
    desk.succeed()
    (desk.runner.newest / "ckpt" / "step-00000010").rename(desk.store.directory / "models" / job.id)
    desk.runner.end(None)
    desk.make().tick()
    assert desk.get(job).state == "succeeded"


def test_a_new_engine_adopts_a_living_trainer(desk: Desk) -> None:
    job = desk.running()
    later = desk.make()
    later.tick()
    assert len(desk.runner.submitted) == 2
    assert [handle.pid for handle in later.trainers()] == [job.pid]


def test_a_new_engine_takes_what_was_told_meanwhile(desk: Desk) -> None:
    job = desk.running()
    metrics = {"seq": 1, "time": 1, "attempt": 1, "step": 1, "kind": "metrics", "level": "info", "message": "m",
               "data": {"step": 1, "train_loss": 2.0}}
    (desk.runner.newest / "events.jsonl").write_text(json.dumps(metrics) + "\n")
    desk.succeed()
    desk.runner.end(None)
    desk.make().tick()
    assert desk.get(job).state == "succeeded"
    assert [event["type"] for event in events(desk.store, job)].count("metrics") == 1


def test_an_engine_that_died_before_noting_the_process_down_asks_the_runner(desk: Desk) -> None:
    job = desk.running()
    desk.store.transact(lambda connection: state.update(connection, job.id, {"pid": None}))
    desk.make().tick()
    assert len(desk.runner.submitted) == 3
    assert desk.runner.submitted[-1][0] == 1


@pytest.mark.parametrize("checked", [False, True])
def test_a_cancelled_jobs_process_is_sent_home(desk: Desk, checked: bool) -> None:
    job = desk.running() if checked else make_job(desk.store)
    desk.scheduler.tick()
    state.cancel(desk.store, job.id)
    desk.scheduler.tick()
    wait_until(lambda: bool(desk.runner.stopped))
    wait_until(lambda: not desk.scheduler.tick())
    assert desk.runner.stopped == [1001 if checked else 1000]
    assert desk.get(job).pid is None
    assert desk.get(job).state == "cancelled"


def test_a_new_engine_ends_the_trainer_of_a_cancelled_job(desk: Desk) -> None:
    job = desk.running()
    state.cancel(desk.store, job.id)
    later = desk.make()
    later.tick()
    wait_until(lambda: not later.tick())
    assert desk.runner.stopped == [job.pid]


def test_a_stop_checkpoints_and_the_same_attempt_goes_on(desk: Desk) -> None:
    job = desk.running()
    desk.scheduler.stop()
    assert desk.runner.stopped == [job.pid]
    assert (desk.get(job).state, desk.get(job).attempt) == ("queued", 1)
    desk.make().tick()
    assert (desk.get(job).state, desk.get(job).attempt) == ("running", 1)


def test_a_stop_of_an_adopted_trainer_is_no_loss(desk: Desk) -> None:
    job = desk.running()
    later = desk.make()
    later.tick()
    desk.runner.children = False
    later.stop()
    assert (desk.get(job).state, desk.get(job).attempt) == ("queued", 1)

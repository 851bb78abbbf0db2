"""What fails before a trainer starts: bad files, checks that die, too little disk or memory, models that are gone."""

from pathlib import Path

from pen_backend.files import Disk
from tests.engine.jobs.make import events, make_job
from tests.engine.programs.trainer import write
from tests.engine.scheduler.desk import CHECKED, Desk


def test_bad_files_fail_before_the_queue(desk: Desk) -> None:
    job = make_job(desk.store)
    desk.scheduler.tick()
    error = {"code": "invalid_training_file", "message": "train.jsonl:3: too long", "param": "training_file"}
    write(desk.runner.newest / "error.json", error)
    desk.runner.end(65)
    desk.scheduler.tick()
    assert (desk.get(job).state, desk.get(job).error) == ("failed", error)


def test_findings_of_the_check_are_warnings(desk: Desk) -> None:
    job = make_job(desk.store)
    desk.scheduler.tick()
    desk.checked({**CHECKED, "findings": [{"code": "few-examples", "message": "only 4", "where": "train.jsonl"}]})
    desk.scheduler.tick()
    warnings = [event for event in events(desk.store, job) if event["level"] == "warn"]
    assert [event["message"] for event in warnings] == ["train.jsonl: only 4"]


def test_a_check_that_keeps_dying_fails_the_job(desk: Desk) -> None:
    job = make_job(desk.store)
    for _ in range(8):
        desk.scheduler.tick()
        desk.runner.end(-9)
    found = desk.get(job)
    assert found.state == "failed"
    assert found.error is not None
    assert found.error["code"] == "lost"


def test_too_little_disk_fails_before_the_start(tmp_path: Path) -> None:
    class SmallDisk(Disk):
        def free_bytes(self, path: Path) -> int:
            return 1000

    desk = Desk(tmp_path, disk=SmallDisk())
    job = make_job(desk.store)
    desk.scheduler.tick()
    desk.checked()
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert found.error["code"] == "no_space"
    assert len(desk.runner.submitted) == 1
    desk.store.close()


def test_too_little_memory_fails_before_the_start_with_the_numbers(tmp_path: Path) -> None:
    desk = Desk(tmp_path, memory=lambda: 3_000_000)
    job = make_job(desk.store)
    desk.scheduler.tick()
    desk.checked({**CHECKED, "memory_bytes": 5_000_000})
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert found.error["code"] == "out_of_memory"
    assert "5 MB" in found.error["message"]
    assert "3 MB" in found.error["message"]
    desk.store.close()


def test_a_model_that_is_gone_fails_the_job(desk: Desk) -> None:
    job = make_job(desk.store, model="other")
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert found.error["code"] == "invalid_model"


def test_a_model_whose_files_are_spoilt_fails_the_job(desk: Desk) -> None:
    job = make_job(desk.store)
    (desk.store.directory / "given" / "tiny" / "model.safetensors").write_bytes(b"\xff" * 100)
    desk.scheduler.tick()
    found = desk.get(job)
    assert found.error is not None
    assert found.error["code"] == "invalid_model"

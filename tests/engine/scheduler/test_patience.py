"""What fails for one job is that job's matter: the others have their turn, and a lasting fault has an end."""

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.jobs.state import Job
from pen_backend.engine.scheduler.patience import PATIENCE_SECONDS, Patience
from pen_backend.files import Disk
from tests.engine.jobs.make import make_job
from tests.engine.scheduler.desk import Desk, wait_until


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class BadSector(Disk):
    """A disk on which one job's directory cannot be written."""

    def __init__(self, number: int = errno.EIO) -> None:
        self.number = number
        self.job = ""

    def write(self, path: Path, data: bytes) -> None:
        if self.job and self.job in str(path):
            raise OSError(self.number, "a fault")
        super().write(path, data)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def disk() -> BadSector:
    return BadSector()


@pytest.fixture
def desk(tmp_path: Path, clock: Clock, disk: BadSector) -> Iterator[Desk]:
    found = Desk(tmp_path, disk=disk, patience=Patience(clock=clock))
    yield found
    found.store.close()


def pass_time(desk: Desk, clock: Clock, seconds: float) -> None:
    until = clock.now + seconds
    while clock.now < until:
        clock.now += 1.0
        desk.scheduler.tick()


def test_a_job_whose_directory_fails_lets_the_others_be_checked(desk: Desk, disk: BadSector) -> None:
    broken, sound = make_job(desk.store), make_job(desk.store)
    disk.job = broken.id
    desk.scheduler.tick()
    desk.scheduler.tick()
    assert desk.runner.newest.name == sound.id
    assert desk.get(broken).state == "validating_files"


def test_a_running_job_whose_journal_cannot_be_read_lets_the_others_be_checked(desk: Desk) -> None:
    running, other = desk.running(), make_job(desk.store)
    (desk.runner.newest / "events.jsonl").mkdir()
    desk.scheduler.tick()
    assert desk.runner.newest.name == other.id
    assert desk.get(running).state == "running"


def test_a_fault_that_passes_costs_nothing(desk: Desk, disk: BadSector, clock: Clock) -> None:
    job = make_job(desk.store)
    disk.job = job.id
    pass_time(desk, clock, PATIENCE_SECONDS / 2)
    disk.job = ""
    pass_time(desk, clock, 11)
    assert desk.runner.newest.name == job.id
    desk.checked()
    desk.scheduler.tick()
    assert desk.get(job).state == "running"


def test_a_fault_that_lasts_fails_its_job_and_frees_its_place(desk: Desk, clock: Clock) -> None:
    job = desk.running()
    (desk.runner.newest / "events.jsonl").mkdir()
    pass_time(desk, clock, PATIENCE_SECONDS + 20)
    found = desk.get(job)
    assert found.error is not None
    assert (found.state, found.error["code"]) == ("failed", "internal_error")
    wait_until(lambda: desk.runner.stopped == [1001])
    pass_time(desk, clock, PATIENCE_SECONDS + 20)  # nor do its unreadable last words keep it for ever
    assert not desk.scheduler.busy()
    assert desk.get(job).pid is None


def test_a_full_disk_ends_no_job(desk: Desk, disk: BadSector, clock: Clock) -> None:
    job = make_job(desk.store)
    disk.job, disk.number = job.id, errno.ENOSPC
    pass_time(desk, clock, 10 * PATIENCE_SECONDS)
    assert desk.get(job).state == "validating_files"
    disk.job = ""
    pass_time(desk, clock, 11)
    assert desk.runner.newest.name == job.id


def test_a_rest_grows_and_is_forgotten_after_success(desk: Desk, clock: Clock) -> None:
    job, patience, tried, fails = make_job(desk.store), Patience(clock=clock), list[float](), [True]

    def action(_: Job) -> None:
        tried.append(clock.now)
        if fails[0]:
            raise sqlite3.OperationalError("database or disk is full")

    def otherwise(_: Job, __: Exception) -> None:
        raise AssertionError

    for _ in range(40):
        patience.attempt(job, action, otherwise)
        clock.now += 0.5
    assert tried == [0, 0.5, 1.5, 3.5, 7.5, 15.5]
    fails[0] = False
    clock.now += 20
    for _ in range(3):
        patience.attempt(job, action, otherwise)
    assert len(tried) == 9


def test_giving_up_may_fail_as_well_and_is_tried_again(desk: Desk, clock: Clock) -> None:
    job, patience, given_up = make_job(desk.store), Patience(clock=clock), list[float]()

    def action(_: Job) -> None:
        raise ValueError

    def otherwise(_: Job, __: Exception) -> None:
        given_up.append(clock.now)
        if len(given_up) < 3:
            raise OSError(errno.ENOSPC, "full")

    for _ in range(20):
        patience.attempt(job, action, otherwise)
        clock.now += 0.5
        if len(given_up) == 3:
            break
    assert given_up == [0, 0.5, 1.5]
    assert not patience.rests(job)

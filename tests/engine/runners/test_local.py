"""Processes in sessions of their own: found again by id and start time, ended with all they started."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pen_backend.engine.jobs.running import Handle, Resources
from pen_backend.engine.runners.local import LocalRunner
from pen_backend.files import process_start_time
from pen_backend.secrets import child_environment

SLEEP = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
FAMILY = ("import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; "
          "time.sleep(60)']); print(child.pid, flush=True); time.sleep(60)")


class Place:
    """A directory to run programs in, and a runner."""

    def __init__(self, directory: Path) -> None:
        self.resources = Resources(directory, directory / "log")
        self.runner = LocalRunner()
        self.handles: list[Handle] = []

    def run(self, program: str, *arguments: str) -> Handle:
        argv = [sys.executable, "-c", program, str(self.resources.directory), *arguments]
        self.handles.append(self.runner.submit("ftjob-x", 1, argv, child_environment(os.environ), self.resources))
        return self.handles[-1]

    def log(self) -> str:
        return self.resources.log.read_text()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    for handle in found.handles:
        if process_start_time(handle.pid) == handle.start_time:
            os.killpg(handle.pid, signal.SIGKILL)


def wait_until(truth: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_an_exit_status_is_read(place: Place) -> None:
    handle = place.run("raise SystemExit(65)")
    wait_until(lambda: place.runner.poll(handle).kind == "exited")
    assert place.runner.poll(handle).code == 65


@pytest.mark.slow
def test_output_goes_to_the_log(place: Place) -> None:
    handle = place.run("print('hello')")
    wait_until(lambda: place.runner.poll(handle).kind == "exited")
    assert place.runner.logs(handle, place.resources, 2) == (b"llo\n", 6)


@pytest.mark.slow
def test_the_same_program_is_not_started_twice(place: Place) -> None:
    handle = place.run(SLEEP)
    assert place.run(SLEEP) == handle


@pytest.mark.slow
def test_a_new_engine_does_not_start_what_the_last_one_started(place: Place) -> None:
    handle = place.run("print('up', flush=True);" + SLEEP)
    wait_until(lambda: "up" in place.log())
    place.runner = LocalRunner()
    assert place.run("print('up', flush=True);" + SLEEP) == handle


@pytest.mark.slow
def test_another_runner_finds_it_by_id_and_start_time(place: Place) -> None:
    handle = place.run(SLEEP)
    other = LocalRunner()
    assert other.poll(handle).kind == "running"
    assert other.poll(replace(handle, start_time=handle.start_time + 1)).kind == "lost"
    assert other.poll(replace(handle, boot_id="another boot")).kind == "lost"


@pytest.mark.slow
def test_a_stranger_with_the_same_id_is_never_signalled(place: Place) -> None:
    handle = place.run(SLEEP)
    LocalRunner().stop(replace(handle, start_time=handle.start_time + 1), grace=0.1)
    assert place.runner.poll(handle).kind == "running"


@pytest.mark.slow
def test_stop_kills_what_does_not_listen(place: Place) -> None:
    handle = place.run(DEAF)
    wait_until(lambda: "deaf" in place.log())
    place.runner.stop(handle, grace=0.2)
    assert place.runner.poll(handle).code == -signal.SIGKILL


@pytest.mark.slow
def test_stop_ends_the_whole_group(place: Place) -> None:
    handle = place.run(FAMILY)
    wait_until(lambda: place.log().endswith("\n"))
    child = int(place.log())
    place.runner.stop(handle, grace=60)
    wait_until(lambda: process_start_time(child) is None)

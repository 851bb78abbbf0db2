"""The jobs API against a model of it, while trainers and the engine are killed: what was acknowledged stays true.

Random calls, drawn by seed; the model knows what each answer promises. In the end every job that nobody has cancelled
succeeds, each of its steps told once.
"""

import contextlib
import os
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import LINES, SCRIPTED, EngineProcess, engine, processes_in

pytestmark = [pytest.mark.slow, pytest.mark.reliability, pytest.mark.timeout(300)]

JOBS = "/v1/fine_tuning/jobs"
STEPS = 12
ENDED = ("succeeded", "failed", "cancelled")
MOST = 8  # jobs that may be unfinished at a time


@dataclass
class Known:
    """What the answers about one job have promised."""

    id: str
    label: str
    cancelled: bool = False
    want: str = "run"
    ended: str | None = None


@dataclass
class World:
    """An engine, the model of its jobs, and the draw of what happens next."""

    running: EngineProcess
    draw: random.Random
    file: str
    jobs: list[Known] = field(default_factory=list)  # oldest first
    story: list[str] = field(default_factory=list)

    def some(self) -> Known | None:
        return self.draw.choice(self.jobs) if self.jobs else None

    def create(self) -> None:
        if len([one for one in self.jobs if not (one.ended or one.cancelled)]) >= MOST:
            return
        label = self.draw.choice("ab")
        script = {"steps": STEPS, "delay": 0.02}
        key = f"key-{len(self.jobs)}-{self.draw.random()}"
        body = {"model": "tiny", "seed": 1, "training_file": self.file, "metadata": {"label": label},
                "pen": {"completions_every": 1, "completion_prompts": [str(script).replace("'", '"')]}}
        found = self.running.request("POST", JOBS, body, headers={"Idempotency-Key": key})
        assert found.status == 200, found.body
        if self.draw.random() < 0.3:
            self.kill_engine()
            again = self.running.request("POST", JOBS, body, headers={"Idempotency-Key": key})
            assert again.body == found.body
        self.jobs.append(Known(found.json["id"], label))

    def act(self, job: Known, action: str) -> dict[str, Any] | None:
        """Do something to a job; None if it has ended, which the model must be able to believe."""
        found = self.running.request("POST", f"{JOBS}/{job.id}/{action}")
        if found.status == 409:
            job.ended = self.look(job)["status"]
            assert job.ended in ENDED
            return None
        assert found.status == 200, found.body
        assert job.ended is None or (job.cancelled and action == "cancel"), (job, found.json)
        return found.json

    def cancel(self) -> None:
        job = self.some()
        if job is not None and (answer := self.act(job, "cancel")) is not None:
            job.cancelled, job.ended = True, "cancelled"
            assert answer["status"] == "cancelled"

    def pause(self) -> None:
        job = self.some()
        if job is not None and not job.cancelled and (answer := self.act(job, "pause")) is not None:
            job.want = "pause"
            assert answer["status"] in ("paused", "running", *ENDED)

    def resume(self) -> None:
        job = self.some()
        if job is not None and not job.cancelled and (answer := self.act(job, "resume")) is not None:
            job.want = "run"
            assert answer["status"] != "paused"

    def look(self, job: Known) -> dict[str, Any]:
        found = self.running.get(f"{JOBS}/{job.id}")
        if job.cancelled:
            assert found["status"] == "cancelled"
        if job.ended:
            assert found["status"] == job.ended
        if job.want == "pause":
            assert found["status"] != "queued"
            assert found["status"] in ENDED or found["pen"]["want"] == "pause"
        assert found["status"] != "failed", (found["error"], found["pen"], self.story)
        return found

    def retrieve(self) -> None:
        job = self.some()
        if job is not None:
            self.look(job)

    def page(self) -> None:
        """Every job is listed once, newest first, also in pages and by its label."""
        label = self.draw.choice(("", "a", "b"))
        wanted = [one.id for one in reversed(self.jobs) if label in ("", one.label)]
        listed: list[str] = []
        more = True
        while more:
            after = f"&after={listed[-1]}" if listed else ""
            by = f"&metadata%5Blabel%5D={label}" if label else ""
            found = self.running.get(f"{JOBS}?limit={self.draw.randint(1, 5)}{after}{by}")
            listed += [one["id"] for one in found["data"]]
            more = found["has_more"]
        assert listed == wanted

    def kill_engine(self) -> None:
        self.running.kill()
        self.running.start()

    def kill_trainer(self) -> None:
        for pid in processes_in(self.running.state):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def restart(self) -> None:
        assert self.running.stop() == 0
        self.running.start()

    def go(self, count: int) -> None:
        often = [self.create, self.pause, self.resume, self.retrieve, self.page] * 4 + [self.cancel] * 2
        moves = [*often, self.kill_engine, self.restart]
        deaths = 0
        for _ in range(count):
            move = self.draw.choice(moves)
            if deaths < 2 and self.draw.random() < 0.03:  # the fourth death of one job would end it
                move, deaths = self.kill_trainer, deaths + 1
            self.story.append(move.__name__)
            move()

    def end(self) -> None:
        """Let everything go on to its end, and compare."""
        for job in self.jobs:
            if not job.cancelled:
                self.act(job, "resume")
                job.want = "run"
        for job in self.jobs:
            ended = self.running.wait(job.id, seconds=120)
            assert ended["status"] == ("cancelled" if job.cancelled else "succeeded"), (job, ended, self.story)
            if not job.cancelled:
                told = [each["data"]["step"] for each in self.running.events(job.id) if each["type"] == "metrics"]
                assert told == list(range(1, STEPS + 1)), self.story
        self.page()


def play(tmp_path: Path, bases: Path, seed: int, count: int) -> None:
    with engine(tmp_path / "state", bases, **SCRIPTED) as running:
        world = World(running, random.Random(seed), running.upload(LINES).json["id"])
        world.go(count)
        world.end()
        assert len(world.jobs) >= count // 20, "nothing was tried"
    assert processes_in(tmp_path / "state") == []


def test_the_jobs_api_keeps_what_it_says(tmp_path: Path, bases: Path, seed: int) -> None:
    play(tmp_path, bases, seed, 60)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", range(25))
def test_the_jobs_api_keeps_what_it_says_for_long(tmp_path: Path, bases: Path, seed: int, number: int) -> None:
    play(tmp_path, bases, seed + number, 200)

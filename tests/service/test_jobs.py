import os
import signal
from pathlib import Path

import pytest

from pen_backend.errors import NotFoundError
from pen_backend.service.completions import Completions
from pen_backend.service.context import Context
from pen_backend.service.evaluations import Evaluations
from pen_backend.service.jobs import Jobs
from pen_backend.service.models import Models
from tests.conftest import LiveEngine, environment
from tests.jobs.plans import ROWS, make_plan
from tests.jobs.test_watch import metrics
from tests.scripted_server import Answer, ScriptedServer, job, listing
from tests.service.context import Kept, scripted


def test_a_plan_that_is_not_there_is_said(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        jobs = Jobs(scripted(server, tmp_path))
        for plan in ("0123abcd", str(tmp_path / "nothing"), "../../etc"):
            with pytest.raises(NotFoundError, match="no training set"):
                jobs.launch(plan)
    assert server.requests == []


def test_options_come_from_the_plan_then_from_the_caller(tmp_path: Path) -> None:
    plan = make_plan(tmp_path / "plan", definition={"job": {"n-epochs": 2, "model": "davinci", "tune": "lora"}})
    script = {"/files": Answer({"id": "file-1", "object": "file"}), "/jobs": Answer(job())}
    with ScriptedServer(by_path=script) as server:
        Jobs(scripted(server, tmp_path)).launch(str(plan), n_epochs=4)
    body = server.requests[-1].json
    assert (body["model"], body["pen"]) == ("pen-tiny", {"tune": "lora"})
    assert body["method"]["supervised"]["hyperparameters"]["n_epochs"] == 4


def test_a_job_that_waits_has_no_figures(tmp_path: Path) -> None:
    with ScriptedServer(by_path={"/jobs": listing(job(status="queued"))}) as server:
        summary = Jobs(scripted(server, tmp_path)).list()[0]
    assert (summary.status, summary.step, summary.train_loss, summary.eta_seconds) == ("queued", None, None, None)
    assert len(server.requests) == 1


def test_a_job_is_paused_and_resumed(tmp_path: Path) -> None:
    script = {"/pause": Answer(job(status="running", pen={"want": "pause", "attempt": 1})),
              "/resume": Answer(job(status="queued", pen={"want": "run"})), "/events": listing()}
    with ScriptedServer(by_path=script) as server:
        jobs = Jobs(scripted(server, tmp_path))
        paused, resumed = jobs.pause("ftjob-1"), jobs.resume("ftjob-1")
    assert (paused.status, paused.want, resumed.status, resumed.want) == ("running", "pause", "queued", "run")
    assert [one.path.rpartition("/")[2] for one in server.requests if one.method == "POST"] == ["pause", "resume"]


def test_how_a_trainer_died_is_part_of_its_job(tmp_path: Path) -> None:
    pen = {"attempt": 2, "interruption": "The trainer of attempt 1 was killed by signal 9 (SIGKILL)."}
    with ScriptedServer(by_path={"/events": listing(), "/jobs": listing(job(status="running", pen=pen))}) as server:
        summary = Jobs(scripted(server, tmp_path)).list()[0]
    assert (summary.attempt, summary.interruption) == (2, pen["interruption"])


def test_an_option_with_parts_says_those_that_are_set(tmp_path: Path) -> None:
    given = {"classification": {"n_classes": 3, "positive_class": None, "betas": None}, "n_epochs": 4}
    whole = job(status="succeeded", pen=given)
    script = {"/events": listing(), "/checkpoints": listing(), "/ftjob-1": Answer(whole)}
    with ScriptedServer(by_path=script) as server:
        shown = Jobs(scripted(server, tmp_path)).show("ftjob-1")
    assert {(one.name, one.value) for one in shown.hyperparameters} >= {("classification", "n_classes 3"),
                                                                        ("n_epochs", "4")}


def test_all_jobs_are_followed_while_one_may_change(tmp_path: Path) -> None:
    done = job(id="ftjob-0", status="succeeded")
    script = [listing(job(status="running"), done), listing(metrics(1)), listing(),
              listing(job(status="running"), done), listing(metrics(1)),
              listing(job(status="cancelled"), done), listing(metrics(2), metrics(1))]
    with ScriptedServer(*script) as server:
        kept = Kept()
        ended = Jobs(scripted(server, tmp_path)).watch_all(events=kept)
    told = [one["data"]["job"] for one in kept.of("log")]  # type: ignore[index] # loose data of an event
    assert [(one.id, one.status, one.step) for one in told] == [
        ("ftjob-1", "running", 1), ("ftjob-0", "succeeded", None), ("ftjob-1", "cancelled", 2)]
    assert [one.status for one in ended] == ["cancelled", "succeeded"]


def test_following_all_jobs_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    with ScriptedServer(by_path={"/events": listing(), "/jobs": listing(job(status="running"))}) as server:
        ended = Jobs(scripted(server, tmp_path)).watch_all(events=Kept(cancel_after=1))
    assert [one.status for one in ended] == ["running"]


@pytest.mark.parametrize("state", ["paused", "lost"])
def test_nobody_waits_for_a_job_of_which_nobody_knows_when_it_changes(state: str, tmp_path: Path) -> None:
    with ScriptedServer(listing(job(status=state)), listing(metrics(1))) as server:
        ended = Jobs(scripted(server, tmp_path)).watch_all(events=Kept())
    assert [one.status for one in ended] == [state]


@pytest.mark.slow
def test_a_job_is_launched_followed_described_measured_and_used(engine: LiveEngine, tmp_path: Path) -> None:
    context = engine.context()
    plan = make_plan(tmp_path / "plan", train=ROWS, valid=ROWS[:4])
    jobs = Jobs(context)
    launched = jobs.launch(str(plan), model="two-layer", n_epochs=2, batch_size=4, completions_every=2, seed=1,
                           suffix="walk", tune="full")
    assert (launched.model, launched.prompt) == ("two-layer", "pun-complete")

    kept = Kept()
    ended = jobs.watch(launched.id, events=kept)
    assert ended.status == "succeeded"
    assert [one["step"] for one in kept.of("progress")] == [1, 2, 3, 4, 5, 6]
    assert {"text", "sample", "checkpoint"} <= {one["what"] for one in kept.of("log")}

    detail = jobs.show(launched.id)
    assert [point.step for point in detail.curve] == [1, 2, 3, 4, 5, 6]
    assert detail.plan == str(plan)
    assert detail.checkpoints[0].model == ended.fine_tuned_model
    assert any(point.valid_loss is not None for point in detail.curve)
    assert "walk" in str(ended.fine_tuned_model)
    assert [point.tokens for point in detail.curve] == sorted(point.tokens or 0 for point in detail.curve)

    assert (detail.cost, detail.trained_tokens) == (0.0, detail.curve[-1].tokens)
    assert detail.messages
    kept = Kept()
    jobs.watch(launched.id, since=detail.event, events=kept)
    assert kept.sent == []

    unseen = Jobs(context).list()[0]
    assert (unseen.id, unseen.step, len(unseen.losses)) == (launched.id, 6, 6)
    sample, = jobs.sample(launched.id)
    assert (sample.step, bool(sample.prompt)) == (6, True)

    summary = next(one for one in Models(context).list() if one.id == ended.fine_tuned_model)
    assert (summary.base, summary.kind, summary.prompt) == ("two-layer", "full", "pun-complete")

    base, tuned = (Evaluations(context).likelihood(name, str(plan), events=Kept())
                   for name in ("two-layer", str(ended.fine_tuned_model)))
    assert base.examples == tuned.examples == 4
    assert base.tokens == tuned.tokens
    assert tuned.bits_per_byte < base.bits_per_byte

    kept = Kept()
    answered = Completions(context).start("pun-complete", {"jokes": "One."}, n=2, max_tokens=5, seed=1, events=kept)
    assert answered.model == ended.fine_tuned_model
    assert len(answered.candidates) == 2


@pytest.mark.slow
def test_cancelling_a_watch_leaves_the_job_and_cancelling_the_job_ends_it(engine: LiveEngine, tmp_path: Path) -> None:
    jobs = Jobs(engine.context())
    launched = jobs.launch(str(make_plan(tmp_path / "plan")), model="two-layer", n_epochs=50, batch_size=1, tune="full")
    watched = jobs.watch(launched.id, events=Kept(cancel_after=1))
    assert watched.status not in ("cancelled", "failed", "succeeded")
    assert jobs.cancel(launched.id).status == "cancelled"
    assert jobs.watch(launched.id, events=Kept()).status == "cancelled"


@pytest.mark.slow
def test_a_watch_outlives_its_engine(tmp_path: Path) -> None:
    from tests.engine.nn.tiny import make_model

    environ = environment(tmp_path)
    make_model(Path(environ["XDG_DATA_HOME"]) / "pen" / "bases" / "two-layer")
    context = Context(environ=environ)
    jobs, process = Jobs(context), context.engine()
    try:
        launched = jobs.launch(str(make_plan(tmp_path / "plan")), model="two-layer", n_epochs=4, batch_size=2,
                               tune="full", checkpoint_seconds=0)

        class Killing(Kept):
            def send(self, kind: str, **data: object) -> None:
                if kind == "progress" and not self.of("progress"):
                    running = process.find()
                    assert running is not None
                    os.kill(running.pid, signal.SIGKILL)
                super().send(kind, **data)

        kept = Killing()
        assert jobs.watch(launched.id, events=kept).status == "succeeded"
        steps = [one["step"] for one in kept.of("progress")]
        assert steps == list(range(1, 25))
    finally:
        process.stop()

import threading
from typing import Any

import pytest

from pen_backend.client import Client
from pen_backend.errors import UpstreamError
from pen_backend.jobs.watch import Note, Progress, curve, follow, read_event
from tests.scripted_server import Answer, ScriptedServer, error, job, listing


def event(name: str, *, at: int = 0, message: str = "", level: str = "info", **data: Any) -> dict[str, Any]:
    return {"id": name, "object": "fine_tuning.job.event", "created_at": at, "level": level, "message": message,
            "type": "metrics" if data.get("kind") == "metrics" else "message", "data": data or None}


def metrics(step: int, **more: Any) -> dict[str, Any]:
    return event(f"e{step}", at=step * 2, kind="metrics", step=step, total_steps=4, train_loss=3.0 - step / 10, **more)


def followed(server: ScriptedServer, **options: Any) -> tuple[list[Progress | Note], dict[str, Any]]:
    client = Client(server.base_url, None, local=True, sleep=lambda seconds: None)
    following = follow(client, "ftjob-1", poll=0, **options)
    seen: list[Progress | Note] = []
    while True:
        try:
            seen.append(next(following))
        except StopIteration as ended:
            return seen, ended.value


def test_events_come_in_order_and_once_whatever_the_pages_repeat() -> None:
    script = [Answer(job(status="running")), listing(metrics(2), metrics(1)),
              Answer(job(status="running")), listing(metrics(3), metrics(2), metrics(1)),
              Answer(job(status="succeeded")), listing(event("done", message="ok"), metrics(4), metrics(3), metrics(2))]
    with ScriptedServer(*script) as server:
        seen, state = followed(server)
    assert [one.step if isinstance(one, Progress) else one.text for one in seen] == [1, 2, 3, 4, "ok"]
    assert state["status"] == "succeeded"


def test_progress_tells_the_time_that_is_left() -> None:
    with ScriptedServer(Answer(job(status="failed")), listing(metrics(3), metrics(2), metrics(1))) as server:
        seen, _ = followed(server)
    assert [one.eta for one in seen if isinstance(one, Progress)] == [None, 4.0, 2.0]


def test_what_was_seen_before_is_left_out() -> None:
    script = [Answer(job(status="succeeded")), listing(metrics(3), event("s", kind="sample", step=2), metrics(2))]
    with ScriptedServer(*script) as server:
        seen, _ = followed(server, after=2)
    assert [one.step for one in seen if isinstance(one, Progress)] == [3]
    assert len(seen) == 1


def test_it_goes_on_after_the_last_event_that_was_seen() -> None:
    script = [Answer(job(status="succeeded")),
              listing(metrics(3), event("later", message="b"), event("seen", message="a"), metrics(2))]
    with ScriptedServer(*script) as server:
        seen, _ = followed(server, since="seen")
    assert [one.event for one in seen] == ["later", "e3"]


def test_stopping_ends_the_watching_and_returns_the_state() -> None:
    stop = threading.Event()
    stop.set()
    with ScriptedServer(Answer(job(status="running")), listing(metrics(1))) as server:
        seen, state = followed(server, stop=stop)
    assert (len(seen), state["status"]) == (1, "running")


def test_an_engine_that_died_is_found_again() -> None:
    answers = [Answer(job(status="running")), listing(metrics(1)), error(500), error(500), error(500)]
    with ScriptedServer(*answers) as first, ScriptedServer(
            Answer(job(status="succeeded")), listing(metrics(2), metrics(1))) as second:
        seen, _ = followed(first, reconnect=lambda: Client(second.base_url, None, local=True))
    assert [one.step for one in seen if isinstance(one, Progress)] == [1, 2]


def test_an_engine_that_stays_dead_is_an_error() -> None:
    with ScriptedServer(*[error(500)] * 30) as server, pytest.raises(UpstreamError):
        followed(server, reconnect=lambda: Client(server.base_url, None, local=True, sleep=lambda seconds: None))


@pytest.mark.parametrize("state", ["lost", "", "canceled"])
def test_a_state_that_nobody_knows_is_an_error_and_not_followed_for_ever(state: str) -> None:
    with ScriptedServer(Answer(job(status=state)), listing(metrics(1))) as server, \
            pytest.raises(UpstreamError, match=f"says that job ftjob-1 is '{state}', which pen does not know"):
        followed(server, reconnect=lambda: Client(server.base_url, None, local=True))
    assert len(server.requests) == 2


@pytest.mark.parametrize("wrong", [{"status": None}, {"model": None}, {"error": "broken"}, {"pen": [1]}])
def test_a_job_of_another_shape_is_the_providers_fault(wrong: dict[str, Any]) -> None:
    with ScriptedServer(*[Answer(job() | wrong)] * 9) as server, pytest.raises(UpstreamError, match="shape"):
        followed(server)


@pytest.mark.parametrize("data", [{"kind": "metrics"}, {"kind": "metrics", "step": "1"}, {"step": None}])
def test_metrics_of_no_step_are_left_out(data: dict[str, Any]) -> None:
    assert read_event({"id": "x", "created_at": "now", "type": "metrics", "data": data}) is None


@pytest.mark.parametrize(("given", "what", "text"), [
    (event("a", kind="sample", completion="Ha.", step=1), "sample", "Ha."),
    (event("a", kind="checkpoint", message="Checkpoint at step 3", step=3), "checkpoint", "Checkpoint at step 3"),
    (event("a", kind="warning", message="few"), "warning", "few"),
    (event("a", level="warn", message="few"), "warning", "few"),
    (event("a", message="queued"), "text", "queued"),
])
def test_every_kind_of_event_is_a_note(given: dict[str, Any], what: str, text: str) -> None:
    seen = read_event(given)
    assert isinstance(seen, Note)
    assert (seen.what, seen.text) == (what, text)


def test_an_event_without_words_says_nothing() -> None:
    assert read_event(event("a")) is None


def test_a_hosted_metrics_event_is_read_too() -> None:
    hosted = {"id": "x", "created_at": 3, "type": "metrics", "message": "Step 1", "data": {"step": 1, "train_loss": 2}}
    assert read_event(hosted) == Progress(1, loss=2.0, at=3.0)


def test_a_curve_is_sorted_by_step_and_prefers_the_full_validation() -> None:
    points = curve([metrics(2, valid_loss=2.0, full_valid_loss=2.5), event("x", message="m"), metrics(1)])
    assert [(point.step, point.valid_loss) for point in points] == [(1, None), (2, 2.5)]

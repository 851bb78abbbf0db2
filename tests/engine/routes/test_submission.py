"""A job creation that is sent again with its key makes no second job; fifty at once make one."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import LINES, SCRIPTED, Answer, EngineProcess, engine

JOBS = "/v1/fine_tuning/jobs"
pytestmark = pytest.mark.slow


def body(served: EngineProcess, **changes: Any) -> dict[str, Any]:
    return {"model": "tiny", "training_file": served.upload(LINES).json["id"], **changes}


def submit(served: EngineProcess, given: Mapping[str, Any], key: str) -> Answer:
    return served.request("POST", JOBS, given, headers={"Idempotency-Key": key})


def jobs(served: EngineProcess, mark: str) -> list[str]:
    return [job["id"] for job in served.get(f"{JOBS}?metadata%5Bmark%5D={mark}")["data"]]


def test_fifty_equal_submits_at_once_make_one_job_and_fifty_equal_answers(served: EngineProcess) -> None:
    given = body(served, metadata={"mark": "fifty"})
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: submit(served, given, "fifty"), range(50)))

    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert jobs(served, "fifty") == [answers[0].json["id"]]


def test_the_first_answer_comes_again_even_when_the_file_is_gone(served: EngineProcess) -> None:
    given = body(served, metadata={"mark": "gone"})
    first = submit(served, given, "gone")
    served.request("DELETE", f"/v1/files/{given['training_file']}")

    assert submit(served, given, "gone").body == first.body
    assert jobs(served, "gone") == [first.json["id"]]


def test_a_key_with_another_body_is_a_conflict(served: EngineProcess) -> None:
    given = body(served, metadata={"mark": "conflict"})
    submit(served, given, "conflict")
    found = submit(served, {**given, "seed": 2}, "conflict")

    assert (found.status, found.code, found.headers["x-should-retry"]) == (409, "idempotency_conflict", "false")
    assert len(jobs(served, "conflict")) == 1


def test_without_a_key_and_with_another_each_submit_is_a_job(served: EngineProcess) -> None:
    given = body(served, metadata={"mark": "many"})
    for headers in ({}, {}, {"Idempotency-Key": "a1"}, {"Idempotency-Key": "a2"}):
        assert served.request("POST", JOBS, given, headers=headers).status == 200

    assert len(jobs(served, "many")) == 4


def test_a_refused_request_uses_up_no_key(served: EngineProcess) -> None:
    given = body(served)
    assert submit(served, {**given, "model": "none"}, "again").status == 404
    assert submit(served, given, "again").status == 200


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_1_to_255_characters(served: EngineProcess, key: str) -> None:
    found = submit(served, body(served), key)

    assert (found.status, found.json["error"]["param"]) == (400, "Idempotency-Key")


def test_a_key_is_remembered_over_a_kill(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, **SCRIPTED) as served:
        given = json.loads(json.dumps(body(served)))
        first = submit(served, given, "k")
        served.kill()
        served.start()

        assert submit(served, given, "k").body == first.body
        assert len(served.get(JOBS)["data"]) == 1

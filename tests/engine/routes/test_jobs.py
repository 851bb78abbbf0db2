"""Jobs over HTTP: created durably, followed by events, cancelled at once, refused with a reason."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import LINES, SCRIPTED, SECONDS, EngineProcess, engine, processes_in

JOBS = "/v1/fine_tuning/jobs"
PREFERENCE = (b'{"input": {"messages": [{"role": "user", "content": "a"}]}, "preferred_output": [{"role": "assistant", '
              b'"content": "b"}], "non_preferred_output": [{"role": "assistant", "content": "c"}]}\n')


@pytest.mark.slow
def test_a_job_from_upload_to_its_model(served: EngineProcess) -> None:
    job = served.create_job({"steps": 6, "public": [2, 4]}, suffix="puns",
                            metadata={"pen.prompt": "pun-complete", "pen.format_hash": "abc"})
    assert job["status"] == "validating_files"
    done = served.wait(job["id"])
    assert (done["status"], done["error"], done["trained_tokens"]) == ("succeeded", None, 40)
    assert done["fine_tuned_model"].startswith("ft:tiny:local:puns:")
    checkpoints = served.get(f"{JOBS}/{job['id']}/checkpoints")["data"]
    names = [each["fine_tuned_model_checkpoint"] for each in checkpoints]
    final = done["fine_tuned_model"]
    assert names == [final, f"{final}:ckpt-step-4", f"{final}:ckpt-step-2"]
    assert {name: served.get(f"/v1/models/{name}")["pen"]["prompt"] for name in names} == \
        dict.fromkeys(names, "pun-complete")
    result = served.get(f"/v1/files/{done['result_files'][0]}")
    assert (result["filename"], result["purpose"]) == ("step_metrics.csv", "fine-tune-results")


@pytest.mark.slow
def test_events_tell_the_whole_story_once(served: EngineProcess) -> None:
    job = served.create_job({"steps": 4, "die": 3, "deaths": 2})
    assert served.wait(job["id"])["pen"]["attempt"] == 3
    events = served.events(job["id"])
    assert len({each["id"] for each in events}) == len(events)
    states = [each["data"]["state"] for each in events if (each["data"] or {}).get("kind") == "state"]
    assert states == ["validating_files", "queued", "running", "queued", "running", "queued", "running", "succeeded"]
    assert [each["data"]["step"] for each in events if each["type"] == "metrics"] == [1, 2, 3, 4]
    assert all(set(each) == {"id", "object", "created_at", "level", "type", "message", "data"} for each in events)


@pytest.mark.slow
def test_events_are_followed_page_by_page(served: EngineProcess) -> None:
    job = served.create_job({"steps": 6})
    served.wait(job["id"])
    whole = [each["id"] for each in served.get(f"{JOBS}/{job['id']}/events?limit=100")["data"]]
    pages: list[str] = []
    more = True
    while more:
        page = served.get(f"{JOBS}/{job['id']}/events?limit=4" + (f"&after={pages[-1]}" if pages else ""))
        pages += [each["id"] for each in page["data"]]
        more = page["has_more"]
    assert pages == whole
    assert served.request("GET", f"{JOBS}/{job['id']}/events?after=ftevent-x").status == 400
    assert served.request("GET", f"{JOBS}/ftjob-x/events").code == "job_not_found"


@pytest.mark.slow
def test_cancel_is_at_once_and_the_trainer_goes(served: EngineProcess) -> None:
    job = served.create_job({"steps": 1000, "delay": 0.05})
    served.wait(job["id"], "running")
    begun = time.monotonic()
    assert served.request("POST", f"{JOBS}/{job['id']}/cancel").json["status"] == "cancelled"
    assert time.monotonic() - begun < 20  # of the fifty seconds that it would train
    assert served.request("POST", f"{JOBS}/{job['id']}/cancel").status == 200
    wait_until(lambda: not trainers(served, job))
    assert served.wait(job["id"])["status"] == "cancelled"


def trainers(served: EngineProcess, job: dict[str, Any]) -> list[int]:
    """List the processes of a job."""
    return processes_in(served.state, job["id"])


def wait_until(truth: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_event(served: EngineProcess, job: dict[str, Any], begin: str) -> None:
    """Wait until something was told of a job that begins so."""
    wait_until(lambda: any(each["message"].startswith(begin) for each in served.events(job["id"])))


@pytest.mark.slow
def test_a_running_job_pauses_with_its_step_and_goes_on_from_there(served: EngineProcess) -> None:
    job = served.create_job({"steps": 60, "delay": 0.05})
    served.wait(job["id"], "running")
    wait_for_event(served, job, "Step")

    def pause() -> str:
        found = served.request("POST", f"{JOBS}/{job['id']}/pause")
        assert (found.status, found.json["pen"]["want"]) == (200, "pause")
        return str(found.json["status"])

    wait_until(lambda: pause() == "paused")  # a busy machine may take longer for a step than the answer waits
    assert pause() == "paused"
    assert served.get(f"{JOBS}?limit=1")["data"][0]["status"] == "paused"
    assert not trainers(served, job)
    for _ in range(2):
        found = served.request("POST", f"{JOBS}/{job['id']}/resume")
        assert (found.status, found.json["pen"]["want"]) == (200, "run")
    done = served.wait(job["id"])
    assert (done["status"], done["pen"]["attempt"]) == ("succeeded", 1)
    steps = [each["data"]["step"] for each in served.events(job["id"]) if each["type"] == "metrics"]
    assert steps == list(range(1, 61))


@pytest.mark.slow
def test_a_pause_does_not_wait_for_a_long_step(served: EngineProcess) -> None:
    job = served.create_job({"steps": 1000, "delay": 0.05})
    wait_for_event(served, job, "Step")
    (pid,) = trainers(served, job)
    os.kill(pid, signal.SIGSTOP)  # this step takes as long as we like
    begun = time.monotonic()
    found = served.request("POST", f"{JOBS}/{job['id']}/pause").json
    assert 1.9 < time.monotonic() - begun < 20
    assert (found["status"], found["pen"]["want"]) == ("running", "pause")
    os.kill(pid, signal.SIGCONT)
    assert served.wait(job["id"], "paused")["pen"]["attempt"] == 1
    assert served.request("POST", f"{JOBS}/{job['id']}/cancel").json["status"] == "cancelled"


@pytest.mark.slow
def test_a_finished_job_is_neither_paused_nor_resumed_and_none_is_not_found(served: EngineProcess) -> None:
    job = served.create_job({"steps": 1})
    served.wait(job["id"])
    for action in ("pause", "resume"):
        found = served.request("POST", f"{JOBS}/{job['id']}/{action}")
        assert (found.status, found.code, found.headers["x-should-retry"]) == (409, "invalid_job_state", "false")
        assert served.request("POST", f"{JOBS}/ftjob-x/{action}").code == "job_not_found"
        assert served.request("GET", f"{JOBS}/{job['id']}/{action}").headers["allow"] == "POST"


@pytest.mark.slow
def test_a_deaf_trainer_is_killed(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, grace=0.5, **SCRIPTED) as impatient:
        job = impatient.create_job({"steps": 4000, "delay": 0.05, "deaf": True})
        wait_for_event(impatient, job, "Step")  # it has begun to ignore signals
        assert trainers(impatient, job)
        impatient.request("POST", f"{JOBS}/{job['id']}/cancel")
        wait_until(lambda: not trainers(impatient, job))


@pytest.mark.slow
def test_a_finished_job_cannot_be_cancelled(served: EngineProcess) -> None:
    job = served.create_job({"steps": 1})
    served.wait(job["id"])
    found = served.request("POST", f"{JOBS}/{job['id']}/cancel")
    assert (found.status, found.code, found.headers["x-should-retry"]) == (409, "invalid_job_state", "false")


@pytest.mark.slow
@pytest.mark.parametrize(("script", "code"), [
    ({"check": 65, "error": {"code": "zero_weight", "message": "train.jsonl: nothing", "param": "training_file"}},
     "zero_weight"),
    ({"exit": 73, "error": {"code": "no_space", "message": "full", "param": None}}, "no_space"),
    ({"exit": 76, "error": {"code": "training_diverged", "message": "step 3", "param": None}}, "training_diverged"),
    ({"die": 1, "deaths": 9}, "lost")])
def test_failures_have_their_code(served: EngineProcess, script: dict[str, Any], code: str) -> None:
    job = served.wait(served.create_job(script)["id"])
    assert job["status"] == "failed"
    assert job["error"]["code"] == code
    assert job["finished_at"] is not None


@pytest.mark.slow
def test_a_deleted_training_file_does_not_stop_its_job(served: EngineProcess) -> None:
    file_id = served.upload(LINES).json["id"]
    job = served.create_job({"steps": 20, "delay": 0.02}, training_file=file_id)
    served.request("DELETE", f"/v1/files/{file_id}")
    assert served.wait(job["id"])["status"] == "succeeded"


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "status", "code", "param"), [
    ({"model": "davinci"}, 404, "model_not_found", "model"),
    ({"training_file": "file-unknown"}, 400, "invalid_value", "training_file"),
    ({"validation_file": "file-unknown"}, 400, "invalid_value", "validation_file"),
    ({"pen": {"max_tokens": 65}}, 400, "invalid_value", "pen.max_tokens"),
    ({"method": {"type": "dpo"}}, 400, "unsupported_parameter", "training_file"),
    ({"method": {"type": "reinforcement"}}, 400, "unsupported_parameter", "method.type"),
    ({"pen": {"snapshot_every": 2}}, 400, "unknown_parameter", "pen.snapshot_every")])
def test_refused_creations_make_no_job(served: EngineProcess, changes: dict[str, Any], status: int, code: str,
                                       param: str) -> None:
    def newest() -> list[str]:
        return [each["id"] for each in served.get(f"{JOBS}?limit=1")["data"]]

    before = newest()
    body = {"model": "tiny", "training_file": served.upload(LINES).json["id"], **changes}
    found = served.request("POST", JOBS, body)
    assert (found.status, found.code, found.json["error"]["param"]) == (status, code, param)
    assert newest() == before


@pytest.mark.slow
@pytest.mark.parametrize(("content", "purpose", "code"), [
    (LINES, "batch", "invalid_value"), (PREFERENCE, "fine-tune", "unsupported_parameter")])
def test_files_that_cannot_be_trained_on_are_refused(served: EngineProcess, content: bytes, purpose: str,
                                                     code: str) -> None:
    file_id = served.upload(content, purpose=purpose).json["id"]
    found = served.request("POST", JOBS, {"model": "tiny", "training_file": file_id})
    assert (found.status, found.code, found.json["error"]["param"]) == (400, code, "training_file")


@pytest.mark.slow
def test_without_room_for_checkpoints_no_job_is_made(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, disk={"free": 1_000_000}, **SCRIPTED) as small:
        file_id = small.upload(LINES).json["id"]
        found = small.request("POST", JOBS, {"model": "tiny", "training_file": file_id})
        assert (found.status, found.code, found.headers["x-should-retry"]) == (507, "no_space", "false")
        assert "1 MB are free" in found.message
        assert small.get(JOBS)["data"] == []


@pytest.mark.slow
def test_an_upload_to_a_full_disk_leaves_nothing(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, disk={"full": True}, **SCRIPTED) as full:
        found = full.upload(LINES)
        assert (found.status, found.code, found.headers["x-should-retry"]) == (507, "no_space", "false")
        assert list((full.state / "tmp").iterdir()) == []
        assert full.get("/v1/files")["data"] == []


@pytest.mark.slow
def test_jobs_are_found_by_metadata_and_by_page(served: EngineProcess) -> None:
    made = [served.create_job({"steps": 1}, metadata={"mark": "x y"})["id"] for _ in range(3)]
    assert served.request("GET", f"{JOBS}?metadata=x").code == "unknown_parameter"
    found = served.get(f"{JOBS}?metadata[mark]=x%20y&limit=2")
    assert [each["id"] for each in found["data"]] == made[:0:-1]
    assert found["has_more"]
    assert served.get(f"{JOBS}?metadata[mark]=x%20y&after={made[1]}")["data"][0]["id"] == made[0]
    assert served.request("GET", f"{JOBS}?after=ftjob-x").status == 400
    for job_id in made:
        served.wait(job_id)


@pytest.mark.slow
def test_options_are_echoed_resolved(served: EngineProcess) -> None:
    job = served.create_job({"steps": 1}, method={"type": "supervised", "supervised": {"hyperparameters": {
        "n_epochs": "auto", "learning_rate_multiplier": 0.5}}})
    assert job["hyperparameters"] == {"batch_size": "auto", "learning_rate_multiplier": 0.5, "n_epochs": 3}
    assert (job["pen"]["tune"], job["pen"]["learning_rate"], job["pen"]["max_tokens"]) == ("full", 3e-4, 64)
    served.wait(job["id"])


@pytest.mark.slow
def test_a_snapshot_is_continued_under_the_roots_name(served: EngineProcess) -> None:
    first = served.wait(served.create_job({"steps": 4, "public": [2]})["id"])
    snapshot = first["fine_tuned_model"] + ":ckpt-step-2"
    second = served.wait(served.create_job({"steps": 1}, model=snapshot)["id"])
    assert second["fine_tuned_model"].startswith("ft:tiny:local::")
    spec = json.loads((served.state / "jobs" / second["id"] / "spec.json").read_text())
    assert spec["base"]["path"].endswith("ckpt/step-00000002")
    assert os.path.isdir(spec["base"]["path"])  # noqa: PTH112 - a text from JSON


@pytest.mark.slow
def test_preferences_are_a_method_of_their_own(served: EngineProcess) -> None:
    line = {"input": {"messages": [{"role": "user", "content": "a"}]},
            "preferred_output": [{"role": "assistant", "content": "b"}],
            "non_preferred_output": [{"role": "assistant", "content": "c"}]}
    file_id = served.upload(json.dumps(line).encode()).json["id"]
    job = served.create_job({"steps": 1}, training_file=file_id, method={"type": "dpo", "dpo": {
        "hyperparameters": {"n_epochs": 2}}})

    wanted = {"batch_size": "auto", "learning_rate_multiplier": 1.0, "n_epochs": 2}
    assert job["hyperparameters"] == wanted
    assert job["method"] == {"type": "dpo", "dpo": {"hyperparameters": {**wanted, "beta": 0.1}}}
    assert served.wait(job["id"])["status"] == "succeeded"
    refused = served.request("POST", "/v1/fine_tuning/jobs", {"model": "tiny", "training_file": file_id})
    assert (refused.status, refused.json["error"]["param"]) == (400, "training_file")

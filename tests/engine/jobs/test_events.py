"""The trainer's events are taken once each, whatever was repeated or torn."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.jobs.events import page, read_lines, take
from pen_backend.engine.store import Store
from tests.engine.jobs.make import events, make_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    yield found
    found.close()


def line(kind: str, step: int, /, *, seq: int = 1, attempt: int = 1, **data: Any) -> dict[str, Any]:
    return {"seq": seq, "time": 1.5, "attempt": attempt, "step": step, "kind": kind, "level": "info",
            "message": "said", "data": data or None}


def keep(store: Store, job_id: str, *lines: dict[str, Any], total_steps: int | None = 10) -> list[bool]:
    return store.transact(lambda connection: [
        take(connection, job_id, each, total_steps=total_steps, model_name="ft:m") for each in lines])


def test_a_step_repeated_after_a_resume_appears_once(store: Store) -> None:
    job = make_job(store)
    assert keep(store, job.id, line("metrics", 3, train_loss=1.0), line("metrics", 3, attempt=2, train_loss=1.0)) == [
        True, False]


def test_samples_of_one_step_are_told_apart_by_their_index(store: Store) -> None:
    job = make_job(store)
    assert keep(store, job.id, line("sample", 3, index=0), line("sample", 3, index=1), line("sample", 3, index=1)) == [
        True, True, False]


def test_messages_belong_to_their_attempt(store: Store) -> None:
    job = make_job(store)
    assert keep(store, job.id, line("message", 0, seq=1), line("message", 0, seq=1, attempt=2),
                line("message", 0, seq=1)) == [True, True, False]


def test_progress_and_private_checkpoints_are_not_kept(store: Store) -> None:
    job = make_job(store)
    assert keep(store, job.id, line("progress", 1, steps_done=1), line("checkpoint", 1, public=False, path="/x")) == [
        False, False]


def test_a_public_checkpoint_is_told_by_its_models_name_and_not_by_its_path(store: Store) -> None:
    job = make_job(store)
    keep(store, job.id, line("checkpoint", 4, public=True, path="/x", step=4),
         line("checkpoint", 10, public=True, path="/y", step=10))
    told = [json.loads(event["data"]) for event in events(store, job)[1:]]
    assert told == [{"kind": "checkpoint", "step": 4, "name": "ft:m:ckpt-step-4"},
                    {"kind": "checkpoint", "step": 10, "name": "ft:m"}]


def test_the_trainer_may_say_which_checkpoint_is_the_model(store: Store) -> None:
    job = make_job(store)
    keep(store, job.id, line("checkpoint", 10, public=True, path="/y", step=10, final=False),
         line("checkpoint", 4, public=True, path="/x", step=4, final=True))
    told = [json.loads(event["data"]) for event in events(store, job)[1:]]
    assert told == [{"kind": "checkpoint", "step": 10, "name": "ft:m:ckpt-step-10"},
                    {"kind": "checkpoint", "step": 4, "name": "ft:m"}]


def test_a_warning_is_a_message_of_that_level(store: Store) -> None:
    job = make_job(store)
    keep(store, job.id, {**line("message", 0, code="x"), "level": "warning"})
    event = events(store, job)[-1]
    assert (event["level"], event["type"], json.loads(event["data"])["kind"]) == ("warn", "message", "warning")


def test_beyond_the_limit_only_every_kth_step_is_kept(store: Store) -> None:
    job = make_job(store)
    kept = keep(store, job.id, *(line("metrics", step, train_loss=1.0) for step in range(1, 9)), total_steps=300_000)
    assert kept == [False, False, False, True] * 2


def test_only_whole_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    whole = json.dumps(line("metrics", 1)).encode() + b"\n"
    path.write_bytes(whole + b"not json\n" + whole[:20])
    lines, offset = read_lines(path, 0)
    assert len(lines) == 1
    assert offset == len(whole) + len(b"not json\n")
    assert read_lines(path, offset) == ([], offset)


def test_a_file_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "events.jsonl", 0) == ([], 0)


def test_pages_go_from_new_to_old(store: Store) -> None:
    job = make_job(store)
    keep(store, job.id, *(line("metrics", step, train_loss=1.0) for step in range(1, 6)))
    ids = [event["id"] for event in events(store, job)]

    def read(after: str | None, limit: int) -> tuple[list[str], bool]:
        found = store.read(lambda connection: page(connection, "events", job.id, after=after, limit=limit))
        assert found is not None
        return [row["id"] for row in found[0]], found[1]

    assert read(None, 4) == (ids[:1:-1], True)
    assert read(ids[2], 4) == (ids[1::-1], False)
    assert store.read(lambda connection: page(connection, "events", job.id, after="other", limit=1)) is None

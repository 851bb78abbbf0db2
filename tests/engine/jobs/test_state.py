"""The state machine: each change from the state it was read in, terminal states for ever, cancel at once."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.engine.jobs import state
from pen_backend.engine.jobs.state import QUEUE_LIMIT, TERMINAL, TRANSITIONS
from pen_backend.engine.store import Store
from pen_backend.engine.wire.errors import ApiError
from tests.engine.jobs.make import events, make_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    yield found
    found.close()


def move(store: Store, job: state.Job, to: str, **columns: Any) -> bool:
    return store.transact(lambda connection: state.move(connection, job, to, message=to, **columns))


def test_a_job_is_created_with_its_first_event(store: Store) -> None:
    job = make_job(store)
    assert job.state == "validating_files"
    assert [event["message"] for event in events(store, job)] == [f"Created fine-tuning job: {job.id}"]


@pytest.mark.parametrize(("suffix", "pattern"), [
    (None, r"ft:tiny:local::[A-Za-z0-9]{8}"), ("puns", r"ft:tiny:local:puns:[A-Za-z0-9]{8}")])
def test_the_models_name_is_openais_form(store: Store, suffix: str | None, pattern: str) -> None:
    assert re.fullmatch(pattern, make_job(store, suffix=suffix, root="hub/tiny").model_name)


def test_the_queue_has_a_limit(store: Store) -> None:
    for _ in range(QUEUE_LIMIT):
        make_job(store)
    with pytest.raises(ApiError) as caught:
        make_job(store)
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "30")


def test_a_job_moves_only_from_the_state_it_was_read_in(store: Store) -> None:
    job = make_job(store)
    state.cancel(store, job.id)
    assert not move(store, job, "queued")
    assert state.get(store, job.id).state == "cancelled"


def test_terminal_states_have_no_way_out() -> None:
    assert not set(TERMINAL) & set(TRANSITIONS)


@given(path=st.lists(st.sampled_from(["queued", "running", "succeeded", "failed", "cancelled", "paused"]), max_size=6))
@settings(max_examples=20)
def test_whatever_is_tried_only_known_ways_are_taken(tmp_path_factory: pytest.TempPathFactory, path: list[str]) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    job = make_job(store)
    for to in path:
        before = state.get(store, job.id)
        allowed = to in TRANSITIONS.get(before.state, ())
        if allowed:
            assert move(store, before, to)
        else:
            with pytest.raises(ValueError, match="cannot go"):
                move(store, before, to)
        after = state.get(store, job.id)
        assert after.state == (to if allowed else before.state)
        assert (after.finished_at is not None) == (after.state in TERMINAL)
    found = events(store, job)
    assert len({event["id"] for event in found}) == len(found)
    store.close()


def test_cancel_is_at_once_and_again_the_same(store: Store) -> None:
    job = make_job(store)
    first, second = state.cancel(store, job.id), state.cancel(store, job.id)
    assert first == second
    assert first.state == "cancelled"
    assert len(events(store, job)) == 2


def test_cancel_remembers_the_process_that_must_end(store: Store) -> None:
    job = make_job(store)
    move(store, job, "queued")
    move(store, state.get(store, job.id), "running")
    store.transact(lambda connection: state.update(connection, job.id, {"pid": 123}))
    state.cancel(store, job.id)
    assert [each.pid for each in state.ended_alive(store)] == [123]


def test_a_job_that_ended_cannot_be_cancelled(store: Store) -> None:
    job = make_job(store)
    store.transact(lambda connection: state.fail(connection, job, {"code": "lost", "message": "gone"}))
    with pytest.raises(ApiError) as caught:
        state.cancel(store, job.id)
    assert (caught.value.status, caught.value.code) == (409, "invalid_job_state")


def test_jobs_are_listed_newest_first_in_pages(store: Store) -> None:
    made = [make_job(store).id for _ in range(5)]
    first, more = state.page(store, after=None, limit=2, metadata={})
    assert more
    second, more = state.page(store, after=first[-1].id, limit=3, metadata={})
    assert not more
    assert [job.id for job in (*first, *second)] == list(reversed(made))


def test_jobs_are_found_by_metadata(store: Store) -> None:
    make_job(store)
    wanted = make_job(store, metadata={"a": "1", "b": "2"})
    found, _ = state.page(store, after=None, limit=9, metadata={"a": "1"})
    assert [job.id for job in found] == [wanted.id]
    assert state.page(store, after=None, limit=9, metadata={"a": "2"})[0] == []


@pytest.mark.parametrize("queued", [False, True])
def test_a_job_that_waits_is_paused_at_once_resumed_to_the_queue_and_each_again_is_the_same(
        store: Store, queued: bool) -> None:
    job = make_job(store)
    if queued:
        move(store, job, "queued")
    assert state.resume(store, job.id) == state.get(store, job.id)
    first, second = state.pause(store, job.id), state.pause(store, job.id)
    assert first == second
    assert (first.state, first.want) == ("paused", "pause")
    told = len(events(store, job))
    first, second = state.resume(store, job.id), state.resume(store, job.id)
    assert first == second
    assert (first.state, first.want) == ("queued", "run")
    assert len(events(store, job)) == told + 1


def test_a_running_job_only_wants_to_pause_and_may_change_its_mind(store: Store) -> None:
    job = make_job(store)
    move(store, job, "queued")
    move(store, state.get(store, job.id), "running")
    assert [(each.state, each.want) for each in (state.pause(store, job.id), state.pause(store, job.id),
                                                 state.resume(store, job.id), state.resume(store, job.id))] == [
        ("running", "pause"), ("running", "pause"), ("running", "run"), ("running", "run")]
    assert [event["message"] for event in events(store, job)][-2:] == [
        "The job pauses after a checkpoint.", "The job was resumed before it had paused."]


@pytest.mark.parametrize("ended", ["failed", "cancelled", "succeeded"])
@pytest.mark.parametrize("action", [state.pause, state.resume])
def test_a_job_that_ended_is_neither_paused_nor_resumed(store: Store, ended: str, action: Any) -> None:
    job = make_job(store)
    for to in ("queued", "running", ended):
        move(store, state.get(store, job.id), to)
    with pytest.raises(ApiError) as caught:
        action(store, job.id)
    assert (caught.value.status, caught.value.code) == (409, "invalid_job_state")
    assert state.get(store, job.id).want == "run"


def test_pausing_needs_a_job(store: Store) -> None:
    for action in (state.pause, state.resume):
        with pytest.raises(ApiError) as caught:
            action(store, "ftjob-nobody")
        assert caught.value.status == 404

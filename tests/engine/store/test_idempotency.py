"""Answers are kept by key for a day."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.store import Store
from pen_backend.engine.store.idempotency import KEPT_SECONDS, Answered, find_answer, keep_answer


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path)
    yield found
    found.close()


def find(store: Store, key: str, body: bytes = b"{}", now: float = 0.0) -> Answered | None:
    return store.read(lambda connection: find_answer(connection, key, body, now=now))


def test_an_answer_is_found_by_its_key_for_a_day(store: Store) -> None:
    store.transact(lambda connection: keep_answer(connection, "k", b"{}", 200, "answer", now=0))

    assert find(store, "k") == Answered(200, "answer", same_body=True)
    assert find(store, "k", b"{ }") == Answered(200, "answer", same_body=False)
    assert find(store, "other") is None
    assert find(store, "k", now=KEPT_SECONDS - 1) is not None
    assert find(store, "k", now=KEPT_SECONDS) is None


def test_a_key_may_be_used_again_after_a_day_and_old_ones_go(store: Store) -> None:
    for key, now in (("k", 0), ("other", 1), ("k", KEPT_SECONDS + 1)):
        store.transact(lambda connection, key=key, now=now: keep_answer(  # type: ignore[misc]  # no annotations here
            connection, key, b"{}", 200, str(now), now=now))

    rows = store.read(lambda connection: connection.execute("SELECT key, answer FROM idempotency").fetchall())
    assert [tuple(row) for row in rows] == [("k", str(KEPT_SECONDS + 1))]

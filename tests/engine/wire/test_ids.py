"""Identifiers have the contract's form; derived ones depend on their parts alone."""

from hypothesis import given
from hypothesis import strategies as st

from pen_backend.engine.wire.ids import PATTERN, derived_id, new_id


def test_new_identifiers_match_the_pattern_and_differ() -> None:
    made = {new_id(prefix) for prefix in ("file-", "ftjob-", "ftevent-", "ftckpt_") for _ in range(50)}
    assert len(made) == 200
    assert all(PATTERN.match(each) for each in made)


@given(st.text(), st.text(), st.integers())
def test_equal_parts_make_equal_identifiers(job: str, kind: str, step: int) -> None:
    assert derived_id("ftevent-", job, kind, step) == derived_id("ftevent-", job, kind, step)
    assert derived_id("ftevent-", job, kind, step) != derived_id("ftevent-", job, kind, step + 1)
    assert PATTERN.match(derived_id("ftevent-", job, kind, step))

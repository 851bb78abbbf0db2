"""Sides that are decided record by record are those that are decided at the end."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_backend.dataset.build import Build, build
from pen_backend.dataset.manifest import sides_of
from pen_backend.dataset.record import SIDES, Progress
from pen_backend.errors import CancelledError, DataError
from tests.dataset import ROWS, Bytes, definition, files, run

TEXTS = st.lists(st.text("abc ", min_size=1, max_size=6), min_size=1, max_size=30)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=TEXTS, share=st.sampled_from([0.01, 0.3, 0.6]), seed=st.integers(0, 3))
def test_whoever_waits_for_the_last_record_writes_the_same_rows(texts: list[str], share: float, seed: int,
                                                                tmp_path: Path) -> None:
    lines = "\n".join(f'{{"question": "{text}", "answer": "x"}}' for text in texts)
    made: list[Build | str] = []
    for name, most in (("at once", ""), ("at the end", ", most: 1000000000")):
        split = f"split: {{valid: {{share: {share}{most}}}, by: [record]}}, checks: {{leak: off}}"
        try:
            made.append(run(tmp_path / name, lines, prompt=ROWS, reader_name="jsonl", seed=seed,
                            training=f"{{{split}, on-bad: skip}}"))
        except DataError as error:
            made.append(str(error))  # too few rows
    one, other = made
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    for name in ("train.jsonl", "valid.jsonl"):
        assert files(one.directory)[name] == files(other.directory)[name]
    assert [sides_of(one.manifest, side) for side in SIDES] == [sides_of(other.manifest, side) for side in SIDES]
    assert one.report.items == other.report.items
    assert one.report.tokens == other.report.tokens


@pytest.mark.parametrize("by", ["record", "near"])
def test_a_record_whose_source_demands_a_side_is_there(by: str, tmp_path: Path) -> None:
    org = "\n".join([*(f"* Question {number}\n  Answer {number} it is" for number in range(20)),
                     "* Held out :val:\n  by its tag"])
    done = run(tmp_path, org, prompt=ROWS.replace("question", "prompt").replace("answer", "completion"),
               reader_name="org", training=f"{{split: {{by: [{by}]}}}}")
    assert b"Held out" in files(done.directory)["valid.jsonl"]
    assert b"Held out" not in files(done.directory)["train.jsonl"]


def test_rows_that_are_written_as_they_come_can_be_cancelled_and_say_how_far_they_are(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join(
        f'{{"question": "question {number}", "answer": "x"}}' for number in range(2_000)))
    found = definition(tmp_path, ROWS, "{sources: [{reader: jsonl, path: rows.jsonl}], split: {by: [record]}}")
    seen: list[Progress] = []
    with pytest.raises(CancelledError):
        build(found, out=tmp_path / "out", encoder=Bytes(), progress=seen.append, cancelled=lambda: len(seen) > 5)
    assert [(one.stage, one.done) for one in seen] == [("records read", 256 * number) for number in range(6)]
    assert not (tmp_path / "out").exists()

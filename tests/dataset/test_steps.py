"""Steps in the order of the definition; what they drop is told apart by step, code and reason."""

import json
from pathlib import Path

import pytest

from pen_backend.dataset.build import Build
from pen_backend.errors import DataError
from tests.dataset import CONTINUATION, accounted, puns, rows, run


def made(where: Path, steps: str, *entries: object, items: str = "text") -> Build:
    content = "\n".join(json.dumps(one) for one in [*entries, *({"text": text} for text in puns(40))])
    done = run(where, content, prompt=CONTINUATION, reader_name="jsonl",
               training=f"{{steps: {steps}, example: {{build: continuation, items: {items}}}}}")
    accounted(done)
    return done


def texts(done: Build) -> set[str]:
    return {line for side in ("train", "valid") for row in rows(done.directory, side) for segment in row.segments
            for line in segment.text.split("\n") if line}


def test_steps_run_in_the_order_of_the_definition(tmp_path: Path) -> None:
    entry = {"text": "a  " * 60}
    first = made(tmp_path / "a", "[normalise, {filter: {chars: [10, 150]}}]", entry)
    assert first.report.steps == {}
    second = made(tmp_path / "b", "[{filter: {chars: [10, 150]}}, normalise]", entry)
    assert second.report.steps == {"1 filter": {"filtered": 1}}


def test_the_report_tells_what_each_step_has_dropped(tmp_path: Path) -> None:
    entries = [{"text": puns(1)[0]}, {"text": "short"}, {"text": "two lines\nof one record"}]
    done = made(tmp_path, "[{filter: {chars: [10, 150]}}, {dedupe: {exact: casefold}}]", *entries)
    assert done.report.steps == {"1 filter": {"filtered": 1}, "2 dedupe": {"duplicate": 1}, "lists": {"join-inside": 1}}
    page = (done.directory / "report.txt").read_text()
    assert "step 1 filter: 1 filtered\nstep 2 dedupe: 1 duplicate\nstep lists: 1 join-inside\n" in page
    assert done.manifest["counts"]["steps"] == done.report.steps  # type: ignore[index] # JSON


def test_a_list_of_steps_replaces_the_default(tmp_path: Path) -> None:
    done = made(tmp_path, "[]", {"text": puns(1)[0]}, {"text": "  spaces   stay "})
    assert done.report.sources[0].rejected == {}
    assert "  spaces   stay " in texts(done)


@pytest.mark.parametrize(("score", "other"), [(7, 3), ("7", "3"), (7.5, None), ("10", 9), (10, "nan"), (5, "many")])
def test_of_equal_records_the_one_with_the_largest_number_stays(score: object, other: object, tmp_path: Path) -> None:
    low, high = {"text": "Do you know this one?", "score": other}, {"text": "DO YOU KNOW THIS ONE!", "score": score}
    done = made(tmp_path / "a", "[{dedupe: {exact: casefold, keep: {max: score}}}]", low, high)
    assert high["text"] in texts(done)
    first = made(tmp_path / "b", "[{dedupe: {exact: casefold, keep: first}}]", low, high)
    assert low["text"] in texts(first)
    assert first.report.steps == {"1 dedupe": {"duplicate": 1}}


def test_of_near_records_the_one_with_the_largest_number_stays(tmp_path: Path) -> None:
    long = "Do you know the one about the old man who went down to the sea and came back with nothing at all"
    low, high = {"text": long, "score": 1}, {"text": f"{long} today", "score": 2}
    assert high["text"] in texts(made(tmp_path, "[{dedupe: {near: 0.7, keep: {max: score}}}]", low, high))


def test_bytes_are_stricter_than_letters(tmp_path: Path) -> None:
    twins = {"text": "Do you know this one?"}, {"text": "DO YOU KNOW THIS ONE?"}
    assert made(tmp_path / "a", "[{dedupe: {exact: bytes}}]", *twins).report.steps == {}
    assert made(tmp_path / "b", "[{dedupe: {exact: bytes}}]", twins[0], twins[0]).report.steps == {
        "1 dedupe": {"duplicate": 1}}


def test_a_sample_is_the_same_whatever_the_order(tmp_path: Path) -> None:
    done = made(tmp_path / "a", "[{sample: {n: 10}}]")
    more = made(tmp_path / "b", "[{sample: {share: 0.25}}]")
    assert texts(done) == texts(more)
    assert len(texts(done)) == 10


def test_words_to_avoid_are_words_of_a_file_in_the_project(tmp_path: Path) -> None:
    (tmp_path / "definition").mkdir()
    words = tmp_path / "definition" / "words.txt"
    words.write_text("Damn\nblast")
    steps = "[{filter: {words-file: words.txt}}]"
    entries = [{"text": "oh DAMN, it is late"}, {"text": "a damned thing of its own"}]
    done = made(tmp_path, steps, *entries)
    assert done.report.steps == {"1 filter": {"filtered": 1}}
    words.write_text("late")
    assert made(tmp_path, steps, *entries).id != done.id, "the words are an input"
    with pytest.raises(DataError, match="cannot be read"):
        made(tmp_path, "[{filter: {words-file: absent.txt}}]")


def test_a_label_of_lists_is_never_renamed(tmp_path: Path) -> None:
    assert made(tmp_path, f"[{{relabel: {{{json.dumps(puns(1)[0])}: other}}}}]").report.steps == {}

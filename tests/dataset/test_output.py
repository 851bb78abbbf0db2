"""The files of a build: whole lines, hashed as they lie on the disk, in one file or in numbered ones."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.dataset.output import Lines
from pen_backend.dataset.published import files_of
from pen_backend.dataset.record import SIDES
from pen_backend.errors import DataError
from pen_backend.files import Disk
from pen_backend.jobs.spec import from_plan
from tests.dataset import ROWS, files, run


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(1, 60), max_size=40), limit=st.sampled_from([None, 8, 50, 200, 10_000]))
def test_lines_lie_in_files_of_the_size_asked_for(tmp_path_factory: pytest.TempPathFactory, sizes: list[int],
                                                  limit: int | None) -> None:
    directory = tmp_path_factory.mktemp("lines")
    lines = Lines(directory / "train.jsonl", Disk(), limit)
    given = [b"x" * (size - 1) + b"\n" for size in sizes]
    for number, line in enumerate(given):
        lines.write(line, number)
    written = lines.close()
    contents = [(directory / one.name).read_bytes() for one in written]
    assert b"".join(contents) == b"".join(given)
    assert sorted(path.name for path in directory.iterdir()) == [one.name for one in written]
    assert [one.sha256 for one in written] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert [one.rows for one in written] == [content.count(b"\n") for content in contents]
    assert [one.size for one in written] == [len(content) for content in contents]
    assert sum(one.tokens for one in written) == sum(range(len(sizes)))
    if len(written) == 1:
        assert written[0].name == "train.jsonl"
    else:
        assert limit is not None
        assert [one.name for one in written] == [f"train-{number:05}.jsonl" for number in range(1, len(written) + 1)]
        assert all(one.size <= limit + max(sizes) for one in written)


def test_a_large_set_is_cut_into_shards_that_are_audited_and_found_again(tmp_path: Path) -> None:
    rows = "\n".join(f'{{"question": "question {number} {"and so on " * 400}", "answer": "answer {number}"}}'
                     for number in range(400))
    done = run(tmp_path, rows, prompt=ROWS, reader_name="jsonl",
               training="{output: {shard-mb: 1}, split: {valid: 0.1, by: [record]}}")
    assert not (done.directory / "train.jsonl").exists()
    outputs = [output["name"] for output in json.loads(files(done.directory)["manifest.json"])["outputs"]]
    assert outputs == ["train-00001.jsonl", "train-00002.jsonl", "valid.jsonl"]
    found = files_of(done.directory)
    assert [len(found[side]) for side in SIDES] == [2, 1]
    assert sum(path.read_bytes().count(b"\n") for path in found["train"]) == done.report.examples["train"]
    assert any(finding.code == "shards" for finding in done.report.findings)
    assert run(tmp_path, rows, prompt=ROWS, reader_name="jsonl",
               training="{output: {shard-mb: 1}, split: {valid: 0.1, by: [record]}}").id == done.id
    with pytest.raises(DataError, match="2 files, and a job takes one"):
        from_plan(done.directory, default_model="pen-tiny")

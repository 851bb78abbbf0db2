"""A build opens the files that its definition names, where that was written and nowhere else."""

from pathlib import Path

import pytest

from pen_backend.dataset.build import build
from pen_backend.dataset.opening import open_sources
from pen_backend.dataset.overrides import effective
from pen_backend.errors import DataError, RefusedError
from pen_backend.prompts import loader
from pen_backend.prompts.sources import Source
from tests.dataset import ROWS, Bytes, definition, jsonl, puns, questions, rows

PUNS = "\n".join(puns(40))
QUESTIONS = jsonl(questions(40))


@pytest.mark.parametrize("path", ["../outside.org", "/etc/hostname", "~/outside.org", "link.org", "li*.org"])
def test_a_definition_reads_nothing_outside_its_project(path: str, tmp_path: Path) -> None:
    training = f"{{sources: [{{path: '{path}'}}], example: {{build: continuation}}}}"
    one = definition(tmp_path / "project", training=training)
    (tmp_path / "outside.org").write_text(PUNS)
    (tmp_path / "project" / "link.org").symlink_to(tmp_path / "outside.org")
    with pytest.raises(RefusedError, match="outside"):
        build(one, out=tmp_path / "out", encoder=Bytes())


def test_a_definition_in_prompts_reads_the_files_of_its_project(tmp_path: Path) -> None:
    training = "{sources: [{path: ../data/puns.txt}], example: {build: continuation}}"
    one = definition(tmp_path / "prompts", training=training)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "puns.txt").write_text(PUNS)
    done = build(one, out=tmp_path / "out", encoder=Bytes())
    assert done.report.sources[0].name == "../data/puns.txt"


def test_inherited_sources_are_read_where_they_were_written(tmp_path: Path) -> None:
    training = "{sources: [{reader: jsonl, path: rows.jsonl}]}"
    definition(tmp_path / "far", ROWS + "evaluation: {data: rows.jsonl}\n", training=training)
    (tmp_path / "far" / "rows.jsonl").write_text(QUESTIONS)
    mine = tmp_path / "mine" / "mine.yaml"
    mine.parent.mkdir()
    mine.write_text("pen: 1\ntitle: Mine\ninclude: answers\ntraining: {seed: 3}\n")
    done = build(loader.load(mine, [tmp_path / "far"]), out=tmp_path / "out", encoder=Bytes())
    assert len(rows(done.directory, "train")) + len(rows(done.directory, "valid")) == 40
    assert any("rows of evaluation.data stand in the training set" in one.message for one in done.report.findings)


def test_what_a_caller_names_may_lie_anywhere_but_only_once(tmp_path: Path) -> None:
    one = definition(tmp_path / "project", ROWS)
    (tmp_path / "rows.jsonl").write_text(QUESTIONS)
    named = Source(path=str(tmp_path / "rows.jsonl"))
    (opened,) = open_sources(one, effective(one, [named], None, {}), trusted=True)
    assert (opened.document.name, opened.name) == ("rows.jsonl", "jsonl")
    with pytest.raises(DataError, match=r"rows.jsonl is a source twice"):
        open_sources(one, effective(one, [named, named], None, {}), trusted=True)

"""Checks of single examples, through whole builds: each drops, warns or is silent, as the definition says."""

import json
from pathlib import Path

import pytest

from pen_backend.dataset.build import Build, build
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source
from pen_backend.tokens import encoding
from tests.dataset import ROWS, accounted, definition, puns, questions, rows, run

GOOD = questions(20)
SEGMENTS = """\
pen: 1
title: Two answers
segments:
- {text: "<question>"}
- {text: "<first>", generate: true}
- {text: "<between>"}
- {text: "<second>", generate: true}
vars: [question: {type: text}, first: {type: text}, between: {type: text}, second: {type: text}]
format: {prompt-end: "\\n\\n", completion-start: " ", completion-end: "\\n"}
"""


def made(where: Path, *more: object, training: str = "{}", prompt: str = ROWS) -> Build:
    content = "\n".join(json.dumps(one) for one in [*GOOD, *more])
    done = run(where, content, prompt=prompt, reader_name="jsonl", training=training)
    accounted(done)
    return done


def found(done: Build, code: str) -> list[tuple[str, str | None]]:
    return [(one.level, one.where) for one in done.report.findings if one.code == code and one.level != "note"]


def test_a_completion_that_holds_its_end_is_dropped_kept_or_warned_of(tmp_path: Path) -> None:
    bad = {"question": "one that is cut", "answer": "first line\nsecond line"}
    assert made(tmp_path / "a", bad).report.rejected == {"end-inside": 1}
    warned = made(tmp_path / "b", bad, training="{checks: {end-inside: warn}}")
    assert (warned.report.rejected, found(warned, "end-inside")) == ({}, [("warning", "region:21")])
    silent = made(tmp_path / "c", bad, training="{checks: {end-inside: off}}")
    assert (silent.report.rejected, found(silent, "end-inside")) == ({}, [])


def test_every_text_that_the_model_writes_is_looked_at(tmp_path: Path) -> None:
    fields = ("question", "first", "between", "second")
    good = [dict(zip(fields, (text, f"a {number}", f"b {number}", f"c {number}"), strict=True))
            for number, text in enumerate(puns(20, "Who was"))]
    content = [json.dumps(one) for one in good]
    for name, dropped in (("question", 0), ("first", 1), ("between", 0), ("second", 1)):
        bad = json.dumps({**good[3], "question": "another one by far, is it not", name: "two\nlines of it"})
        done = run(tmp_path / name, "\n".join([*content, bad]), prompt=SEGMENTS, reader_name="jsonl", training="{}")
        assert done.report.rejected == ({"end-inside": 1} if dropped else {}), name


def test_a_finished_row_is_looked_at_unless_it_is_kept_as_it_is(tmp_path: Path) -> None:
    bad = {"prompt": "Q: one\nA:", "completion": " two\nlines\n"}
    assert made(tmp_path / "a", bad).report.rejected == {"end-inside": 1}
    assert made(tmp_path / "b", bad, training="{example: {boundary: keep}}").report.rejected == {}
    alone = {"data": "a text\nof two lines"}
    assert made(tmp_path / "c", alone).report.rejected == {}


def test_rows_that_do_not_fit_are_counted_or_repaired(tmp_path: Path) -> None:
    bad = {"prompt": "Q: one", "completion": "two"}
    assert found(made(tmp_path / "a", bad), "boundary") == [("warning", "region:21")]
    assert found(made(tmp_path / "b", bad, training="{example: {boundary: keep}}"), "boundary") == []
    done = made(tmp_path / "c", bad, training="{example: {boundary: repair}}")
    assert found(done, "boundary") == []
    assert any(row.segments[1].text == " two\n" for side in ("train", "valid") for row in rows(done.directory, side))


@pytest.mark.parametrize(("least", "dropped"), [("{answer: 9}", 10), ("{question: 30, answer: 8}", 0),
                                                ("{question: 10000}", 20)])
def test_too_few_tokens_of_a_variable_drop_a_row(least: str, dropped: int, tmp_path: Path) -> None:
    training = f"{{example: {{min-tokens: {least}}}}}"
    if dropped == 20:
        with pytest.raises(DataError, match="20 too-short"):
            made(tmp_path, training=training)
    else:
        assert made(tmp_path, training=training).report.rejected == ({"too-short": dropped} if dropped else {})


def test_a_row_of_which_nothing_is_learned_is_dropped_kept_or_warned_of(tmp_path: Path) -> None:
    bad = {"data": {"text_list": ["all of it", "", "and the end"], "loss_weights": [0, 1, 0]}}
    keep = "example: {boundary: keep}"
    assert made(tmp_path / "a", bad, training=f"{{{keep}}}").report.rejected == {"all-masked": 1}
    warned = made(tmp_path / "b", bad, training=f"{{{keep}, checks: {{all-masked: warn}}}}")
    assert found(warned, "all-masked") == [("warning", "region:21")]
    assert found(made(tmp_path / "c", bad, training=f"{{{keep}, checks: {{all-masked: off}}}}"), "all-masked") == []
    later = {"data": {"text_list": ["all of it", "and the end"], "loss_weights": [1, 0]}}
    assert made(tmp_path / "d", later, training=f"{{{keep}}}").report.rejected == {}


def test_long_rows_may_be_kept_with_a_warning(tmp_path: Path) -> None:
    long = {"question": "x" * 300, "answer": "yes"}
    limits = "example: {max-tokens: 200}"
    assert made(tmp_path / "a", long, training=f"{{{limits}}}").report.rejected == {"too-long": 1}
    done = made(tmp_path / "b", long, training=f"{{{limits}, checks: {{length: warn}}}}")
    assert found(done, "length") == [("warning", "region:21")]
    assert found(made(tmp_path / "c", long, training=f"{{{limits}, checks: {{length: off}}}}"), "length") == []


def test_the_pieces_of_a_long_text_are_all_counted(tmp_path: Path) -> None:
    long = {"data": "word " * 100}
    done = made(tmp_path, long, training="{example: {max-tokens: 100, overlong: split, boundary: keep}}")
    pieces = [row for side in ("train", "valid") for row in rows(done.directory, side) if len(row.segments) == 1]
    assert (len(pieces), done.report.examples["built"]) == (5, 25)
    assert "".join(row.segments[0].text for row in pieces) == "word " * 100


def test_tokens_that_would_merge_at_the_boundary_are_warned_of_above_a_limit(tmp_path: Path) -> None:
    loose = ROWS.replace('prompt-end: "\\nA:", completion-start: " "', 'prompt-end: "", completion-start: ""')
    content = "\n".join(json.dumps(one) for one in GOOD)
    for text, training, count in ((loose, "{}", 1), (loose, "{checks: {boundary-tokens: off}}", 0),
                                  (loose, "{checks: {boundary-tokens: {do: warn, limit: 1}}}", 0), (ROWS, "{}", 0)):
        where = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        done = build(definition(where, text, training), sources=[Source(text=content, id="region", reader="jsonl")],
                     out=where / "out", encoder=encoding("o200k_base"))
        assert len(found(done, "boundary-tokens")) == count, training
    with pytest.raises(DataError, match="would merge") as caught:
        build(definition(tmp_path / "e", loose, "{checks: {boundary-tokens: error}}"), encoder=encoding("o200k_base"),
              sources=[Source(text=content, id="region", reader="jsonl")], out=tmp_path / "out")
    assert caught.value.findings[0].code == "boundary-tokens"
    assert not (tmp_path / "out").exists()


def test_odd_chats_are_warned_of_or_refused(tmp_path: Path) -> None:
    chats = [{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"number {number}"}]}
             for number, text in enumerate(puns(20))]
    content = "\n".join(json.dumps(one) for one in chats)
    done = run(tmp_path / "a", content, prompt=ROWS, reader_name="jsonl", training="{}")
    assert found(done, "chat") == [("warning", "region:1")]
    off = run(tmp_path / "b", content, prompt=ROWS, reader_name="jsonl", training="{checks: {chat: off}}")
    assert found(off, "chat") == []
    with pytest.raises(DataError, match="20 chats with no message of the system"):
        run(tmp_path / "c", content, prompt=ROWS, reader_name="jsonl", training="{checks: {chat: error}}")

"""Changes by hand: they reach the files, follow the text and not the line, and never the source."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from pen_backend.dataset.build import Build, build
from pen_backend.dataset.edits import Edit
from pen_backend.dataset.report import Member
from pen_backend.errors import BadParamsError
from pen_backend.prompts.sources import Source
from tests.dataset import CONTINUATION, ROWS, Bytes, accounted, definition, puns, rows

TABLE = "question,answer\n" + "".join(f"Why {index * 7919}?,Because {index ** 3}.\n" for index in range(40))
BUNDLES = "{example: {build: continuation}}"


def made(where: Path, text: str, edits: Sequence[Edit] = (), *, prompt: str = ROWS, training: str = "") -> Build:
    source = Source.model_validate({"reader": "auto", "text": text, "id": "region"})
    done = build(definition(where / "definition", prompt, training), sources=[source], out=where / "out",
                 encoder=Bytes(), edits=edits, overrides={"valid_share": 0.2})
    accounted(done)
    return done


def member(done: Build, text: str) -> Member:
    return next(each for row in done.report.rows for each in row.members for _, part in each.parts if text in part)


def texts(done: Build, side: str) -> str:
    return "".join(segment.text for row in rows(done.directory, side) for segment in row.segments)


def test_a_row_says_what_it_was_made_of(tmp_path: Path) -> None:
    one = member(made(tmp_path, TABLE), "Because 27.")
    assert one.parts == (("question", "Why 23757?"), ("answer", "Because 27."))
    assert one.where == "region:5"


def test_a_bundle_has_each_of_its_texts(tmp_path: Path) -> None:
    done = made(tmp_path, "\n".join(puns(40)), prompt=CONTINUATION, training=BUNDLES)
    row = done.report.rows[0]
    assert len(row.members) >= 2
    assert all(each.parts[0][1] in "".join(part.text for part in row.segments) for each in row.members)


def test_an_excluded_record_is_on_neither_side_and_in_the_books(tmp_path: Path) -> None:
    before = made(tmp_path, TABLE)
    done = made(tmp_path, TABLE, [Edit(member(before, "Because 27.").key, exclude=True)])
    assert done.id != before.id
    assert "Because 27." not in texts(done, "train") + texts(done, "valid")
    assert "Because 64." in texts(done, "train") + texts(done, "valid")
    assert done.report.steps["by hand"] == {"excluded": 1}
    assert [each.message for each in done.report.findings if each.code == "by-hand"] == [
        "1 record changed by hand: 1 left out"]


@pytest.mark.parametrize(("here", "there"), [("train", "valid"), ("valid", "train")])
def test_a_record_is_put_on_the_other_side(here: str, there: str, tmp_path: Path) -> None:
    before = made(tmp_path, TABLE)
    row = next(row for row in before.report.rows if row.side == here)
    done = made(tmp_path, TABLE, [Edit(row.members[0].key, side=there)])  # type: ignore[arg-type] # a side's name
    text = row.members[0].parts[1][1]
    assert text in texts(done, there)
    assert text not in texts(done, here)


def test_a_record_written_anew_keeps_its_boundary_and_its_key(tmp_path: Path) -> None:
    before = made(tmp_path, TABLE)
    key = member(before, "Because 27.").key
    done = made(tmp_path, TABLE, [Edit(key, texts=("Why not?", "So there."), side="train")])
    assert "Q: Why not?\nA: So there.\n" in texts(done, "train")
    assert "Because 27." not in texts(done, "train")
    assert member(done, "So there.").key == key
    again = made(tmp_path, TABLE, [Edit(key, texts=("Why not?", "So here."), side="train")])
    assert "So here.\n" in texts(again, "train")


def test_a_text_of_a_bundle_is_changed_alone(tmp_path: Path) -> None:
    text = "\n".join(puns(40))
    before = made(tmp_path, text, prompt=CONTINUATION, training=BUNDLES)
    one, other = before.report.rows[0].members[:2]
    done = made(tmp_path, text, [Edit(one.key, texts=("What do you call a change? A new one.",))],
                prompt=CONTINUATION, training=BUNDLES)
    both = texts(done, "train") + texts(done, "valid")
    assert "What do you call a change? A new one." in both
    assert one.parts[0][1] not in both
    assert other.parts[0][1] in both


def test_a_finished_example_is_changed_by_its_segments(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"data": {"text_list": [f"Q: {pun}\nA:", " yes\n"], "loss_weights": [0.2, 0.8]}})
                      for pun in puns(20))
    before = made(tmp_path, lines)
    row = before.report.rows[0]
    assert [name for name, _ in row.members[0].parts] == ["text 1", "text 2"]
    done = made(tmp_path, lines, [Edit(row.members[0].key, texts=("Q: Is it?\nA:", " no\n"), side="train")])
    changed = next(each for each in rows(done.directory, "train") if each.segments[0].text == "Q: Is it?\nA:")
    assert [each.weight for each in changed.segments] == [0.2, 0.8]


def test_changes_follow_the_text_when_lines_are_added_above_it(tmp_path: Path) -> None:
    key = member(made(tmp_path, TABLE), "Because 27.").key
    moved = TABLE.replace("answer\n", "answer\nHow come?,It is new.\n", 1)
    assert "Because 27." not in texts(made(tmp_path, moved, [Edit(key, exclude=True)]), "train")


def test_a_change_whose_record_is_gone_is_said(tmp_path: Path) -> None:
    done = made(tmp_path, TABLE, [Edit("0" * 16, exclude=True), Edit("1" * 16, side="valid")])
    (finding,) = [each for each in done.report.findings if each.code == "by-hand"]
    assert (finding.level, finding.message) == ("warning", "2 changes made by hand fit no record any more")


def test_an_emptied_record_is_rejected_as_empty(tmp_path: Path) -> None:
    key = member(made(tmp_path, TABLE), "Because 27.").key
    done = made(tmp_path, TABLE, [Edit(key, texts=("", ""))])
    assert done.report.steps["by hand"] == {"empty": 1}


def test_the_manifest_names_the_changes_without_their_texts(tmp_path: Path) -> None:
    key = member(made(tmp_path, TABLE), "Because 27.").key
    manifest = made(tmp_path, TABLE, [Edit(key, texts=("Why not?", "So there."), side="train")]).manifest
    edits = manifest["edits"]
    assert isinstance(edits, list)
    (one,) = edits
    assert (one["key"], one["exclude"], one["side"], one["used"]) == (key, False, "train", True)
    assert len(one["texts_sha256"]) == 64
    assert "So there" not in json.dumps(manifest)


def test_the_same_changes_in_another_order_are_the_same_build(tmp_path: Path) -> None:
    edits = [Edit("0" * 16, exclude=True), Edit("1" * 16, side="valid")]
    assert made(tmp_path, TABLE, edits).id == made(tmp_path, TABLE, edits[::-1]).id


@pytest.mark.parametrize(("edits", "says"), [
    ([Edit("0" * 16, exclude=True)] * 2, "changed twice"), ([Edit("0" * 16)], "changes nothing"),
    ([Edit("0" * 16, side="test")], "no side 'test'"),  # type: ignore[arg-type] # what is tested
])
def test_changes_that_make_no_sense_are_refused(edits: list[Edit], says: str, tmp_path: Path) -> None:
    with pytest.raises(BadParamsError, match=says):
        made(tmp_path, TABLE, edits)

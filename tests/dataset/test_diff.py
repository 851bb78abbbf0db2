"""Two training sets, compared."""

from pathlib import Path

import pytest

from pen_backend.dataset.diff import Difference, differences
from pen_backend.errors import DataError, NotFoundError
from tests.dataset import puns, run

PUNS = "\n".join(puns(60))


def written(where: Path, name: str, *lines: str) -> Path:
    path = where / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_set_does_not_differ_from_itself(tmp_path: Path) -> None:
    done = run(tmp_path, PUNS)
    found = differences(done.directory, done.directory)
    assert found.is_empty
    assert found.same == done.report.examples["train"] + done.report.examples["valid"]


def test_what_decided_a_build_is_named_with_both_values(tmp_path: Path) -> None:
    one, other = run(tmp_path, PUNS), run(tmp_path, PUNS + "\nOne more pun that is not like the others.", seed=4)
    changes = {each.what: (each.before, each.after) for each in differences(one.directory, other.directory).changes}
    assert changes["seed"] == ("0", "4")
    assert changes["counts.items.kept"] == ("60", "61")
    before, after = changes["source region"]
    assert (before or "").startswith("60 records")
    assert (after or "").startswith("61 records")
    assert "sides" not in changes


def test_rows_that_came_went_and_stayed_are_counted(tmp_path: Path) -> None:
    before, after = written(tmp_path, "a", "1", "2", "2", "3"), written(tmp_path, "b", "2", "3", "4", "5", "6")
    assert differences(before, after) == Difference((), same=2, added=3, removed=2, moved=0)


def test_a_row_on_the_other_side_has_moved(tmp_path: Path) -> None:
    for name, train, valid in (("a", ("1", "2"), ("3",)), ("b", ("1", "3", "4"), ("2",))):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "train.jsonl", *train)
        written(tmp_path / name, "valid.jsonl", *valid)
    assert differences(tmp_path / "a", tmp_path / "b") == Difference((), same=1, added=1, removed=0, moved=2)


def test_what_is_no_training_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"none does not exist\. Name a training file, or a build's directory"):
        differences(tmp_path / "none", tmp_path / "none")
    with pytest.raises(DataError, match="no training set"):
        differences(tmp_path, tmp_path)

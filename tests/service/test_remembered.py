import os
from pathlib import Path

from pen_backend.files import Disk
from pen_backend.service import remembered
from pen_backend.service.remembered import Remembered


def test_an_answer_is_found_by_what_was_asked(tmp_path: Path) -> None:
    answers = Remembered(tmp_path / "answers", Disk())
    assert answers.find({"a": 1}) is None
    answers.keep({"a": 1, "b": 2}, {"text": "x"})
    assert answers.find({"b": 2, "a": 1}) == {"text": "x"}
    assert answers.find({"a": 1}) is None
    only, = (tmp_path / "answers").iterdir()
    assert only.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_answer_is_passed_over(tmp_path: Path) -> None:
    answers = Remembered(tmp_path, Disk())
    answers.keep({}, {"text": "x"})
    for content in (b"{", b"[]", b"\xff"):
        for path in tmp_path.iterdir():
            path.write_bytes(content)
        assert answers.find({}) is None


def test_the_oldest_answers_go_first(tmp_path: Path) -> None:
    answers = Remembered(tmp_path, Disk())
    for number in range(remembered.MOST):
        path = tmp_path / f"{number}.json"
        path.touch()
        os.utime(path, ns=(number, number))
    answers.keep({"new": 1}, {"text": "x"})
    assert len(list(tmp_path.iterdir())) == remembered.MOST
    assert not (tmp_path / "0.json").exists()
    assert answers.find({"new": 1}) == {"text": "x"}


def test_a_full_disk_only_means_asking_again(tmp_path: Path) -> None:
    class Full(Disk):
        def write(self, path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    answers = Remembered(tmp_path, Full())
    answers.keep({}, {"text": "x"})
    assert answers.find({}) is None

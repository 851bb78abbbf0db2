"""The key file: pseudonyms by first appearance that stay, private to the user, and never another file overwritten."""

import json
from pathlib import Path

import pytest

from pen_backend.dataset.pseudonyms import assigned, read, reserve
from pen_backend.errors import DataError
from pen_backend.files import Disk


def test_people_are_numbered_as_they_appear_and_listed_names_after_them() -> None:
    key = assigned(["Zoe", "Ada Lovelace"], ["Carl"], {})
    assert key == {"Person 1": ("Zoe",), "Person 2": ("Ada Lovelace",), "Person 3": ("Carl",)}


def test_a_listed_first_name_is_the_one_person_who_has_it() -> None:
    assert assigned(["Ada Lovelace"], ["ada"], {})["Person 1"] == ("Ada Lovelace", "ada")
    two = assigned(["Ada Lovelace", "Ada Byron"], ["Ada"], {})
    assert two["Person 3"] == ("Ada",)
    assert len(assigned(["Ada Lovelace", "Ada"], [], {})) == 2, "two authors are two people"


def test_pseudonyms_stay_and_new_people_get_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "private" / "key.json"
    first = reserve(["Bob", "Ada"], [], path, Disk())
    again = reserve(["Cleo", "ADA"], [], path, Disk())
    assert first == {"Person 1": ("Bob",), "Person 2": ("Ada",)}
    assert again == {**first, "Person 3": ("Cleo",)}
    assert json.loads(path.read_text()) == {"Person 1": "Bob", "Person 2": "Ada", "Person 3": "Cleo"}


def test_a_key_that_was_thinned_out_never_gives_a_number_twice(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text('{"Person 7": ["Ada", "Countess"], "The boss": "Bob"}')
    assert reserve(["Bob", "Cleo", "countess"], [], path, Disk())["Person 8"] == ("Cleo",)
    assert set(read(path)) == {"Person 7", "The boss", "Person 8"}


def test_the_key_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    path = tmp_path / "private" / "key.json"
    reserve(["Ada"], [], path, Disk())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o644)
    reserve(["Ada"], [], path, Disk())
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{", '{"Person 1": 3}', '{"a": [""]}', '{"a": []', "\x00", "7"])
def test_a_file_that_is_no_key_is_left_as_it_is(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(DataError, match="left as it is"):
        reserve(["Ada"], [], path, Disk())
    assert path.read_text() == content


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="key file cannot be written"):
        reserve(["Ada"], [], tmp_path / "file" / "key.json", Disk())
    (tmp_path / "directory").mkdir()
    with pytest.raises(DataError, match="is a directory"):
        reserve(["Ada"], [], tmp_path / "directory", Disk())

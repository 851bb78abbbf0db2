"""What fits and what does not."""

from pathlib import Path

import pytest

from pen_backend.dataset.filters import failed, refusal
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Condition
from pen_backend.prompts.training import Filter
from tests.dataset import Bytes


def why(text: str, spec: dict[str, object], where: Path = Path()) -> str | None:
    return refusal(Filter.model_validate(spec), Bytes(), where)(text, {})


@pytest.mark.parametrize(("spec", "good", "bad"), [
    ({"chars": [2, 3]}, "ab", "a"), ({"words": [1, 2]}, "a b", "a b c"), ({"tokens": [0, 2]}, "\u00e9", "\u00e9a"),
    ({"script": "latin"}, "caf\u00e9 12", "\u043f\u0440\u0438"),
])
def test_ranges_and_script(spec: dict[str, object], good: str, bad: str) -> None:
    assert why(good, spec) is None
    assert why(bad, spec)


def test_words_of_a_file_are_avoided_whole(tmp_path: Path) -> None:
    (tmp_path / "swears.txt").write_text("Darn\nheck\n")
    assert why("a DARN shame", {"words-file": "swears.txt"}, tmp_path)
    assert why("darning socks", {"words-file": "swears.txt"}, tmp_path) is None
    with pytest.raises(DataError):
        why("a", {"words-file": "absent.txt"}, tmp_path)


@pytest.mark.parametrize(("condition", "good", "bad"), [
    ({"min": 3}, 3, 2), ({"max": 3}, 3, 4), ({"min": 1}, "5", "x"), ({"in": ["a"]}, "a", "b"),
    ({"not": ["a"]}, "b", "a"), ({"regex": "^a"}, "ab", "ba"), ({"exists": True}, 0, None), ({"min": 0}, 1, True),
])
def test_columns_are_compared(condition: dict[str, object], good: object, bad: object) -> None:
    where = {"column": Condition.model_validate(condition)}
    assert failed(where, {"column": good}) is None
    assert failed(where, {"column": bad})

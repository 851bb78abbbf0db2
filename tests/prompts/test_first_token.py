import pytest

from pen_backend.prompts.first_token import remedies, shared
from pen_backend.tokens import encoding

PROMPT = "A ticket\n\n###\n\n"


def numbers(count: int, start: str) -> dict[str, str]:
    return {str(number): f"{start}{number}\n" for number in range(1, count + 1)}


@pytest.mark.parametrize(("name", "start", "count", "distinct"), [
    ("r50k_base", " ", 99, 99), ("r50k_base", " ", 999, 504), ("r50k_base", "", 99, 1), ("r50k_base", "", 999, 1),
    ("cl100k_base", " ", 99, 1), ("cl100k_base", " ", 999, 1), ("cl100k_base", "", 999, 999),
    ("o200k_base", " ", 99, 1), ("o200k_base", "", 99, 99), ("o200k_base", "", 999, 999),
])
def test_which_numbers_share_a_token_depends_on_the_vocabulary(name: str, start: str, count: int,
                                                               distinct: int) -> None:
    groups = shared(encoding(name), PROMPT, numbers(count, start))
    assert count - sum(map(len, groups)) + len(groups) == distinct


def test_labels_that_share_a_token_are_named() -> None:
    assert shared(encoding("r50k_base"), PROMPT, {"a": " same", "b": " same too", "c": " other"}) == [["a", "b"]]
    assert shared(encoding("r50k_base"), PROMPT, {}) == []


def test_remedies_come_in_order_and_each_works() -> None:
    labels = ["new bug", "new wish", "new thanks"]  # as they are, all begin with "new"
    assert list(remedies(encoding("cl100k_base"), PROMPT, labels, " ", "\n")) == [
        'encode: number with completion-start: ""', "compare whole labels at evaluation, not first tokens"]
    assert next(remedies(encoding("r50k_base"), PROMPT, ["red", "blue"], " ", "\n")) == (
        'encode: text with completion-start: " "')

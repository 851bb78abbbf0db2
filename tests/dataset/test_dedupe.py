"""Equal and nearly equal records: the first stays, or the one with the largest field."""

from pathlib import Path

import pytest

from pen_backend.dataset.dedupe import exact, nearly
from pen_backend.dataset.keys import folded_key
from pen_backend.dataset.record import Item, Pulse, Rejected
from pen_backend.prompts.training import Dedupe
from pen_backend.records import Origin

PULSE = Pulse(None, None)


def items(*texts: str, scores: tuple[object, ...] = ()) -> list[Item]:
    return [Item(text, {"score": scores[index] if scores else 0}, Origin("f", "", f"line {index + 1}"))
            for index, text in enumerate(texts)]


def after(found: list[Item], **spec: object) -> tuple[list[str], list[str]]:
    rejected: list[Rejected] = []
    step = Dedupe.model_validate(spec)
    kept = exact(found, step, rejected.append)
    if step.near is not None:
        kept = nearly(kept, step, rejected.append, PULSE)
    return [item.text for item in kept], [f"{one.code} {one.origin.locator}" for one in rejected]


def test_equal_letters_and_digits_are_equal_texts() -> None:
    assert after(items("A pun.", "a  PUN!", "another")) == (["A pun.", "another"], ["duplicate line 2"])


def test_bytes_must_be_equal_when_asked() -> None:
    assert after(items("A pun.", "a pun.", "A pun."), exact="bytes") == (["A pun.", "a pun."], ["duplicate line 3"])


def test_texts_without_letters_are_compared_as_they_are() -> None:
    assert after(items("\U0001f600", "\U0001f601", "\U0001f600"))[0] == ["\U0001f600", "\U0001f601"]
    assert folded_key("!") != folded_key("?")


def test_the_largest_field_stays_in_its_own_place() -> None:
    found = items("a", "b", "A", "a!", scores=(1, 0, 3, None))
    assert after(found, keep={"max": "score"}) == (["b", "A"], ["duplicate line 1", "duplicate line 4"])


def test_nearly_equal_texts_are_dropped_in_chains() -> None:
    base = [f"w{number}" for number in range(12)]
    chain = [" ".join(base[:10]), " ".join(base[:11]), " ".join(base[:12]), "something else altogether here"]
    assert after(items(*chain), near=0.7) == ([chain[0], chain[3]], ["near-duplicate line 2", "near-duplicate line 3"])


def test_a_threshold_of_one_drops_only_equal_word_sequences() -> None:
    assert after(items("one two three four", "one two three five"), near=1.0)[1] == []


@pytest.mark.parametrize("path", [Path("prompts/puns.org")])
def test_the_shipped_puns_have_no_near_duplicates(path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    lines = [line[2:] for line in (root / path).read_text().splitlines() if line.startswith("- ")]
    assert len(lines) >= 300
    assert after(items(*lines), near=0.7)[1] == []

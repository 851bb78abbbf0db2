"""The shipped puns: enough of every kind to learn from, and no two of them alike."""

from collections import Counter
from pathlib import Path

from pen_backend.dataset.dedupe import exact, nearly
from pen_backend.dataset.record import Item, Pulse, Record, Rejected
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.org import read
from pen_backend.prompts.training import Dedupe

PUNS = Path(__file__).resolve().parents[2] / "prompts" / "puns.org"


def puns() -> list[Record]:
    found = list(read(Document("puns.org", "", PUNS.stat().st_size, content=PUNS.read_bytes()), Request()))
    assert [one for one in found if isinstance(one, Rejected)] == []
    return [one for one in found if isinstance(one, Record)]


def test_there_are_at_least_eight_kinds_of_twenty_puns_and_three_hundred_in_all() -> None:
    kinds = Counter(record.fields["heading"] for record in puns())
    assert sum(kinds.values()) >= 300
    assert sum(count >= 20 for count in kinds.values()) >= 8


def test_no_two_puns_are_equal_or_nearly_so() -> None:
    items = [Item(str(record.fields["item"]), record.fields, record.origin) for record in puns()]
    rejected: list[Rejected] = []
    step = Dedupe.model_validate({"exact": "casefold", "near": 0.7})
    kept = list(nearly(exact(items, step, rejected.append), step, rejected.append, Pulse(None, None)))
    assert [one.origin.locator for one in rejected] == []
    assert len(kept) == len(items)

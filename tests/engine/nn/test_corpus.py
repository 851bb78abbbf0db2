"""A base's corpus: whole books are held out, and nothing that pen is judged on enters it."""

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from pen_backend.engine.nn.corpus import Corpus, read_corpus
from pen_backend.errors import DataError
from tests.shared import shared

ROOT = Path(__file__).resolve().parents[3]


def write_corpus(directory: Path, jokes: dict[str, list[str]], prose: dict[str, str]) -> Path:
    """Lay out a small corpus as the real one is."""
    texts: list[dict[str, object]] = []
    start = 0
    for title, items in jokes.items():
        texts.append({"title": title, "file": "jokes.txt.gz", "item_start": start, "items": len(items)})
        start += len(items)
    texts += [{"title": title, "file": "prose.txt.gz", "doc_index": i} for i, title in enumerate(prose)]
    packed = {
        "jokes.txt.gz": gzip.compress("\n\n".join(item for items in jokes.values() for item in items).encode()),
        "prose.txt.gz": gzip.compress("\n<|endoftext|>\n".join(prose.values()).encode()),
    }
    for name, content in packed.items():
        (directory / name).write_bytes(content)
    files = {name: {"sha256": hashlib.sha256(content).hexdigest()} for name, content in packed.items()}
    (directory / "MANIFEST.json").write_text(json.dumps({"files": files, "texts": texts}))
    return directory


@pytest.fixture
def small(tmp_path: Path) -> Path:
    jokes = {f"Jokes {i}": [f"joke {i} {j}\nsecond line" for j in range(3)] for i in range(6)}
    prose = {f"Novel {i}": "\n\n".join(f"paragraph {i} {j}" for j in range(100)) for i in range(6)}
    return write_corpus(tmp_path, jokes, prose | {"Jokes 1 (pieces over 2,500 characters)": "a long piece"})


def test_every_book_is_on_exactly_one_side(small: Path) -> None:
    corpus = read_corpus(small)
    works = [{book.work for book in side} for side in (corpus.train, corpus.held_out)]
    assert works[0] & works[1] == set()
    books = {f"Jokes {i}" for i in range(6)} | {f"Novel {i}" for i in range(6)}
    assert works[0] | works[1] == books | {"pen's own text"}


def test_a_joke_with_two_lines_stays_one_document(small: Path) -> None:
    book = next(book for book in read_corpus(small).train if book.kind == "jokes")
    assert len(book.documents) == 3
    assert book.documents[0].endswith("0\nsecond line")


def test_prose_is_the_middle_of_a_document_at_paragraph_borders(small: Path) -> None:
    book = next(book for book in read_corpus(small).train if book.title.startswith("Novel"))
    paragraphs = book.documents[0].split("\n\n")
    assert 55 <= len(paragraphs) <= 65
    assert all(re.fullmatch(r"paragraph \d \d+", paragraph) for paragraph in paragraphs)


def test_a_file_that_is_not_the_manifests_is_refused(small: Path) -> None:
    (small / "jokes.txt.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match=r"jokes\.txt\.gz is not the file"):
        read_corpus(small)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no MANIFEST\.json"):
        read_corpus(tmp_path)


@pytest.fixture(scope="module")
def real() -> Corpus:
    return read_corpus(shared("data/public-domain/MANIFEST.json").parent)


PIECE = 20  # letters
LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
SIGNS = bytes(sign for sign in range(128) if not chr(sign).isalnum())
FOLKLORE = {
    "bfinan_qa.jsonl.gz": 1, "colbert_humor_dev_test.jsonl.gz": 1, "pun_of_the_day.jsonl.gz": 1,
    "reddit_jokes_yasuf_1395.json.gz": 1, "rjokes_dev.jsonl.gz": 0, "semeval2017_task7_puns.jsonl.gz": 2,
    "short_jokes_sites.jsonl.gz": 2, "taivop_stupidstuff.json.gz": 0, "wocka_mit_subset.json.gz": 0,
}
"""How many texts of each collection, of nearly 200,000, stand in the base's books too: riddles and sayings that were
in print before 1929 and are still told (eight finds, some of one text in two collections). They came from the books."""


def letters(text: str) -> bytes:
    """Reduce a text to what a reader hears, so that punctuation cannot hide a copy."""
    return text.encode("ascii", "ignore").translate(LOWER, SIGNS)


@dataclass(frozen=True)
class Known:
    """All that a base may have been trained on, searchable a hundred thousand times."""

    text: bytes
    pieces: frozenset[bytes]
    """The text cut every PIECE letters: what stands in it and is twice as long holds at least one of them."""

    def holds(self, body: bytes) -> bool:
        return any(all(body[at:at + PIECE] in self.pieces for at in range(start, len(body) - PIECE + 1, PIECE))
                   for start in range(PIECE)) and body in self.text


@pytest.fixture(scope="module")
def known(real: Corpus) -> Known:
    text = b"\n".join(letters(document) for book in real.train for document in book.documents)
    return Known(text, frozenset(text[at:at + PIECE] for at in range(0, len(text), PIECE)))


def bodies(path: Path) -> set[bytes]:
    """Read what a collection's records say; of questions the answers too, of titled jokes the bodies too."""
    content = gzip.decompress(path.read_bytes())
    records = json.loads(content) if path.name.endswith(".json.gz") else map(json.loads, content.splitlines())
    found = set()
    for record in records:
        first, second = (("question", "answer") if "question" in record else
                         ("title", "body") if "body" in record else ("title", "text"))
        found |= {letters(record.get(first, "") + record[second]), letters(record[second])}
    return {body for body in found if len(body) > 2 * PIECE}


@pytest.mark.slow
def test_the_shipped_base_was_trained_on_this_corpus(real: Corpus) -> None:
    made = json.loads((ROOT / "pen_backend/engine/base/pen-tiny/manifest.json").read_bytes())["made"]
    manifest = json.loads(shared("data/public-domain/MANIFEST.json").read_bytes())
    assert made["corpus"].items() <= real.files.items()
    public = made["corpus"].keys() - {"own-text.txt"}
    assert {name: made["corpus"][name] for name in public} == \
        {name: manifest["files"][name]["sha256"] for name in public}


@pytest.mark.slow
def test_none_of_the_shipped_puns_is_in_the_base(known: Known) -> None:
    puns = [line[2:] for line in (ROOT / "prompts" / "puns.org").read_text().splitlines() if line.startswith("- ")]
    assert len(puns) >= 300
    assert [pun for pun in puns if letters(pun) in known.text] == []


@pytest.mark.slow
def test_none_of_the_collections_used_for_tests_is_in_the_base_but_folklore(known: Known) -> None:
    copied = {path.name: sum(map(known.holds, bodies(path))) for path in shared("data/jokes").glob("*.gz")}
    assert copied == FOLKLORE


@pytest.mark.slow
def test_a_copy_would_be_seen_wherever_it_stands(known: Known) -> None:
    for start in range(1_000_000, 1_000_000 + PIECE):
        assert known.holds(known.text[start:start + 2 * PIECE + 1])
    assert not known.holds(known.text[1_000_000:1_000_040] + b"zqzqzqzq")

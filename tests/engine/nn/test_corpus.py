"""A base's corpus: whole books are held out, and nothing that pen is judged on enters it."""

import gzip
import hashlib
import json
import re
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
    assert works[0] | works[1] == {f"Jokes {i}" for i in range(6)} | {f"Novel {i}" for i in range(6)}


def test_a_joke_with_two_lines_stays_one_document(small: Path) -> None:
    book = next(book for book in read_corpus(small).train if book.kind == "jokes")
    assert len(book.documents) == 3
    assert book.documents[0].endswith("0\nsecond line")


def test_prose_is_the_middle_of_a_document_at_paragraph_borders(small: Path) -> None:
    book = next(book for book in read_corpus(small).train if book.title.startswith("Novel"))
    paragraphs = book.documents[0].split("\n\n")
    assert 15 <= len(paragraphs) <= 25
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


def letters(text: str) -> str:
    """Reduce a text to what a reader hears, so that punctuation cannot hide a copy."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def documents(corpus: Corpus) -> set[str]:
    return {letters(document) for book in corpus.train for document in book.documents if book.kind == "jokes"}


@pytest.mark.slow
def test_none_of_the_shipped_puns_is_in_the_base(real: Corpus) -> None:
    puns = [line[2:] for line in (ROOT / "prompts" / "puns.org").read_text().splitlines() if line.startswith("- ")]
    text = "\n".join(documents(real))
    assert len(puns) >= 300
    assert [pun for pun in puns if letters(pun) in text] == []


@pytest.mark.slow
def test_none_of_the_collections_used_for_tests_is_in_the_base(real: Corpus) -> None:
    bodies = [record["body"] for record in json.loads(
        gzip.decompress(shared("data/jokes/taivop_stupidstuff.json.gz").read_bytes()))]
    known = documents(real)
    assert sum(letters(body) in known for body in bodies if len(letters(body)) > 20) == 0

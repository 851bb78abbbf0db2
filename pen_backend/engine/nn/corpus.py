"""The corpus of a base: documents to train on, and whole books held out.

A corpus directory holds `MANIFEST.json`, `jokes.txt.gz` (items separated by a blank line) and `prose.txt.gz`
(documents separated by a line `<|endoftext|>`). The manifest says which book each item and document came from. They are
in the public domain and old; what pen's authors wrote themselves, in today's English, is a file of the package.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pen_backend.errors import DataError

HELD_OUT_SHARE = 0.01
"""Share of books held out, at least two of each kind. By book, because the same joke is retold inside one."""

PROSE_SHARE = 0.6
"""The middle part of each prose document that is read: past the front matter, and enough of every author."""

OWN_TEXT = Path(__file__).resolve().parent.parent / "base" / "own-text.txt"
"""Short humour written for pen; items separated by a blank line."""

DOCUMENT_SEPARATOR = "\n<|endoftext|>\n"


@dataclass(frozen=True, slots=True)
class Book:
    """One source text: its short items, or one long document."""

    title: str
    kind: Literal["jokes", "prose", "own"]
    documents: tuple[str, ...]

    @property
    def work(self) -> str:
        """The title without the note that marks a joke book's longer pieces, which lie among the prose."""
        return self.title.partition(" (pieces over")[0]

    @property
    def rank(self) -> bytes:
        """Order books by the hash of their work, so that a longer corpus holds out the same ones."""
        return hashlib.blake2b(self.work.encode(), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class Corpus:
    """Books to train on and books held out, with the sha256 of each file they were read from."""

    train: tuple[Book, ...]
    held_out: tuple[Book, ...]
    files: dict[str, str]


def read_corpus(directory: Path, own_text: Path = OWN_TEXT) -> Corpus:
    """Read the jokes, the middle of every prose document, and pen's own text; hold out whole old books.

    Raises DataError when a file is missing or is not the one the manifest describes.
    """
    manifest = json.loads(_read(directory / "MANIFEST.json"))
    texts: list[dict[str, Any]] = manifest["texts"]
    jokes, jokes_hash = _text(directory / "jokes.txt.gz", manifest)
    prose, prose_hash = _text(directory / "prose.txt.gz", manifest)
    books = [*_joke_books(jokes, texts), *_prose_books(prose, texts)]
    held_out = [book for kind in ("jokes", "prose") for book in _held_out([b for b in books if b.kind == kind])]
    works = {book.work for book in held_out}
    written = _read(own_text)
    own = written.decode("utf-8").strip("\n").split("\n\n")
    return Corpus(
        train=(*(book for book in books if book.work not in works), Book("pen's own text", "own", tuple(own))),
        held_out=tuple(held_out),
        files={"jokes.txt.gz": jokes_hash, "prose.txt.gz": prose_hash,
               own_text.name: hashlib.sha256(written).hexdigest()},
    )


def _held_out(books: list[Book]) -> list[Book]:
    count = max(2, round(len(books) * HELD_OUT_SHARE))
    return sorted(books, key=lambda book: book.rank)[:count]


def _joke_books(text: str, texts: list[dict[str, Any]]) -> Iterator[Book]:
    items = text.strip("\n").split("\n\n")
    for entry in texts:
        if entry.get("file") == "jokes.txt.gz":
            start = entry["item_start"]
            yield Book(entry["title"], "jokes", tuple(items[start : start + entry["items"]]))


def _prose_books(text: str, texts: list[dict[str, Any]]) -> Iterator[Book]:
    documents = text.split(DOCUMENT_SEPARATOR)
    for entry in texts:
        if entry.get("file") == "prose.txt.gz":
            yield Book(entry["title"], "prose", (_middle(documents[entry["doc_index"]]),))


def _middle(document: str) -> str:
    """Cut the middle PROSE_SHARE out of a document, at paragraph borders."""
    length = len(document)
    start = document.find("\n\n", int(length * (0.5 - PROSE_SHARE / 2))) + 2
    end = document.find("\n\n", int(length * (0.5 + PROSE_SHARE / 2)))
    return document[start : end if end > start else length].strip()


def _text(path: Path, manifest: dict[str, Any]) -> tuple[str, str]:
    """Return a packed file's text and sha256, which must be the manifest's."""
    packed = _read(path)
    digest = hashlib.sha256(packed).hexdigest()
    if digest != manifest["files"][path.name]["sha256"]:
        raise DataError(f"{path.name} is not the file its MANIFEST.json describes (sha256 {digest[:12]}…).",
                        hint="Fetch the corpus again.", where=str(path))
    return gzip.decompress(packed).decode("utf-8"), digest


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no {path.name} in {path.parent}.",
                        hint="Pass the folder of the public-domain corpus with --corpus.") from None

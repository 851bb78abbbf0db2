"""A person's messages of a chat as rows to be filled in, anonymised: the WhatsApp finetuner's first step."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from pen_backend.dataset.names import clean
from pen_backend.dataset.output import Lines
from pen_backend.dataset.phones import may_hold_number, regions
from pen_backend.dataset.pseudonyms import assigned
from pen_backend.dataset.record import Record
from pen_backend.dataset.replacing import Replacements
from pen_backend.dataset.sources.document import Document, Request, documents
from pen_backend.dataset.sources.whatsapp.reading import read
from pen_backend.errors import DataError, Finding
from pen_backend.files import Disk, expanded, temporary_name
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import Anonymise

_WRITTEN = ("text", "media")  # what a person wrote: messages, and captions of what was sent


def parse_convo(file: str | Path, user: str | None = None, export_path: str | Path = "result.jsonl",
                remove: str | Sequence[str] | None = None, include_user: bool = False, *,
                disk: Disk | None = None) -> int:
    """Write the messages of USER in a WhatsApp export as JSON lines with empty completions; return how many.

    Each row is {"prompt": "TIME - TEXT", "completion": ""}. Messages of the people in REMOVE are left out and their
    names are taken out of the others; everybody else's name becomes a pseudonym (`Person 1`), telephone numbers and
    e-mail addresses are masked. INCLUDE_USER puts the writer's pseudonym before each text. An order of day and month
    that nothing decides is a warning. DataError if FILE is no export or USER does not write in it.
    """
    path = expanded(file).absolute()
    people = (remove,) if isinstance(remove, str) else tuple(remove or ())
    source = Source(reader="whatsapp", path=str(path), user=user, remove=people)
    (document,) = documents(source, path.name, path.parent)
    anonymous = _replacements(document)
    rows = _rows(document, source, anonymous, include_user=include_user)
    return _write(rows, expanded(export_path), disk or Disk())


def _rows(document: Document, source: Source, anonymous: Replacements, *, include_user: bool) -> Iterator[bytes]:
    for each in read(document, Request(source)):
        if isinstance(each, Finding) and each.level == "warning":
            warnings.warn(str(each), stacklevel=4)
        if not isinstance(each, Record) or each.fields["kind"] not in _WRITTEN:
            continue
        author, text = each.fields["author"], str(each.fields["text"])
        if not text.strip():
            continue
        text = anonymous.text(text)
        if include_user and isinstance(author, str):
            text = f"{anonymous.text(author)}: {text}"
        yield orjson.dumps({"prompt": f"{each.fields['timestamp']} - {text}", "completion": ""},
                           option=orjson.OPT_APPEND_NEWLINE)


def _replacements(document: Document) -> Replacements:
    """Look for everybody who writes, and for the countries whose telephone numbers occur."""
    authors: dict[str, None] = {}
    numbers = False
    for record in _records(document):
        if isinstance(author := record.fields["author"], str):
            authors[author] = None
        numbers = numbers or may_hold_number(str(record.fields["text"]))
    countries = regions(str(record.fields["text"]) for record in _records(document)) if numbers else ()
    people = {name: pseudonym for pseudonym, names in assigned(clean(authors), (), {}).items() for name in names}
    return Replacements(Anonymise(phone="mask" if numbers else "keep"), people, countries)


def _records(document: Document) -> Iterator[Record]:
    return (each for each in read(document, Request()) if isinstance(each, Record))


def _write(rows: Iterator[bytes], path: Path, disk: Disk) -> int:
    temporary = temporary_name(path)
    lines = Lines(temporary, disk)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.remove(temporary)
        for row in rows:
            lines.write(row)
        lines.close()
        disk.publish(temporary, path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.", hint="Name another place.") from error
    finally:
        lines.abandon()
        disk.remove(temporary)
    return lines.rows

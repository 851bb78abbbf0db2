"""A file's records, whatever its format: the cells of each by column, and the line it stands on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from pen_backend.dataset.record import Record, Rejected, place
from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.auto import recognise
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.values import refused, values
from pen_backend.errors import DataError, Finding
from pen_backend.prompts.sources import Source
from pen_backend.records import Origin, bad

BLANK: Mapping[str, object] = {"prompt": "", "completion": ""}  # a row of a table whose cells are all empty
_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Cells:
    """One record: its cells by column, where it stands, and its place as FILE:LINE."""

    fields: Mapping[str, object]
    origin: Origin
    where: str

    @property
    def line(self) -> int:
        """The number of its line, of a row in a workbook."""
        return line_of(self.where)


Read = Cells | Rejected | Finding


def read(document: Document) -> Iterator[Read]:
    """Yield the records of a file of JSON, a table or plain text, as prepare_data reads them."""
    name = format_of(document)
    if name == "jsonl":
        for value in values(document):
            origin = document.origin(value.locator)
            if value.error is not None:
                yield refused(document, value, value.error)
            elif isinstance(value.value, dict):
                yield from _spread(Cells(value.value, origin, value.where))
            else:
                error = bad("not-an-object", "a row is a JSON object with a prompt and a completion", where=value.where,
                            hint='write it as {"prompt": "…", "completion": "…"}')
                yield refused(document, value, error)
        return
    _, function = reader(name, document)
    for each in function(document, Request(Source(text="", unit="line" if name == "text" else None))):
        if isinstance(each, Record):
            fields = {"prompt": "", "completion": each.fields["text"]} if name == "text" else _columns(each.fields)
            yield Cells(fields, each.origin, place(each.origin))
        elif isinstance(each, Rejected) and each.code == "empty":
            yield Cells(BLANK, each.origin, place(each.origin))
        elif isinstance(each, Rejected | Finding):
            yield each


def format_of(document: Document) -> str:
    """Name the reader of a file: jsonl, table or text, by its extension, else by its content."""
    extension = PurePath(document.name.removesuffix(".gz")).suffix.lower()
    if extension == ".txt":
        return "text"  # whatever it looks like: a line is a completion
    name = recognise(document)
    if name == "jokes":
        return "jsonl"
    if name in ("jsonl", "table", "text"):
        return name
    raise DataError(f"{document.name} is no table of prompts and completions; it would be read as {name}.",
                    where=document.name, hint="Name such a source in a definition, and run `pen dataset build`.")


def is_converted(document: Document) -> bool:
    """Say whether a file has to be written anew to be one of JSON lines."""
    if not document.name.lower().endswith(_LINES) or not document.is_utf8:
        return True
    with document.open() as stream:
        return stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"["


def line_of(where: str) -> int:
    """Return the line of FILE:LINE, or the number in "FILE row 4"; 0 if there is neither."""
    number = where.replace(":", " ").rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


def _columns(fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return a table's own columns, without the whole row that its reader adds as `text`."""
    own = {name: cell for name, cell in fields.items() if name != "text"}
    whole = " ".join(cell for cell in own.values() if isinstance(cell, str) and cell)
    return own if fields.get("text") == whole else fields


def _spread(cells: Cells) -> Iterator[Cells]:
    """Yield the rows of an object that holds whole columns, {"0": TEXT, …}, as data frames are written; else itself."""
    columns = {name: column for name, column in cells.fields.items()
               if isinstance(column, dict) and column and all(key.isdecimal() for key in column)}
    numbers = {tuple(column) for column in columns.values()}
    if len(columns) < len(cells.fields) or len(numbers) != 1:
        yield cells
        return
    for number in numbers.pop():
        origin = Origin(cells.origin.source, cells.origin.sha256, f"record {int(number) + 1}")
        yield Cells({name: column[number] for name, column in columns.items()}, origin,
                    f"{cells.origin.source}:{int(number) + 1}")

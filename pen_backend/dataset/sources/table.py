"""Read tables, CSV, TSV or the first sheet of a workbook: a record a row, with the columns of the header."""

from collections.abc import Iterator

from pen_backend.dataset.record import Read, Record, Rejected, rejected
from pen_backend.dataset.sources import delimited, workbook
from pen_backend.dataset.sources.archive import is_zip
from pen_backend.dataset.sources.columns import Row, fields_of, names_of
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.errors import DataError, Finding


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield a record a row; all cells are texts, and `text` is the whole row where no column is called so."""
    sheet = is_zip(document)
    names: tuple[str, ...] = ()
    found: Iterator[Row | Finding] = workbook.rows(document) if sheet else delimited.rows(document)
    for row in found:
        if isinstance(row, Finding):
            yield row
            continue
        where = f"{document.name}:{row.number}"
        origin = document.origin(f"{'row' if sheet else 'line'} {row.number}")
        if not names and row.error is None:
            names = names_of(_trimmed(row.cells) if sheet else row.cells, where)
            continue
        try:
            if row.error is not None:
                raise row.error
            cells = _fitted(row.cells, len(names)) if sheet else row.cells
            fields = fields_of(names, cells, where)
        except DataError as error:
            yield rejected(error, origin, row.raw)
            continue
        if any(cell and not cell.isspace() for cell in cells):
            yield Record(fields, origin)
        else:
            yield Rejected(origin, "empty", "all cells of the row are empty", row.raw)


def _trimmed(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Take off the empty cells at the end: a sheet's rows are as wide as its widest."""
    return cells[:max((number for number, cell in enumerate(cells, 1) if cell), default=0)]


def _fitted(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    """Give a sheet's row the header's width; filled cells beyond it stay, and make it too long."""
    trimmed = _trimmed(cells)
    return trimmed if len(trimmed) > width else cells[:width]

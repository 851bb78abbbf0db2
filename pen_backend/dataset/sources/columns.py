"""The columns of a table: names from its header, and a row's cells under them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pen_backend.errors import DataError
from pen_backend.records import bad
from pen_backend.words import count


@dataclass(frozen=True, slots=True)
class Row:
    """One row's cells as text, and the line or sheet row it starts on; `error` says why it has none."""

    number: int
    cells: tuple[str, ...] = ()
    error: DataError | None = None
    raw: object = None


def names_of(cells: Sequence[str], where: str) -> tuple[str, ...]:
    """Read the names of the columns; one without a name is called by its number. DataError if these are no names."""
    names = [cell.strip() for cell in cells]
    numbers = sum(_is_number(name) for name in names)
    if not any(names) or numbers == len(names):
        what = "is empty" if not any(names) else "holds numbers"
        raise _no_header(f"the first row {what}, so the columns have no names", where)
    named = tuple(name or str(number) for number, name in enumerate(names, 1))
    for number, name in enumerate(named, 1):
        if name in named[:number - 1]:
            raise _no_header(f"columns {named.index(name) + 1} and {number} have the same name", where)
    return named


def fields_of(names: Sequence[str], cells: Sequence[str], where: str) -> dict[str, str]:
    """Put a row's cells under their names, with the whole row as `text`; DataError if it is too short or too long."""
    if len(cells) != len(names):
        short = len(cells) < len(names)
        counts = f"the row has {count(len(cells), 'cell')} for {count(len(names), 'column')}"
        raise bad("row-short" if short else "row-long", counts, where=where,
                  hint="add what is missing" if short else "put a cell that holds the separator into quotes")
    return {"text": " ".join(cell for cell in cells if cell), **dict(zip(names, cells, strict=True))}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _no_header(message: str, where: str) -> DataError:
    error = bad("no-header", message, where=where, hint="name the columns in the first row, each once")
    return DataError(f"{message}.", where=where, hint="Name the columns in the first row, each once.",
                     findings=error.findings)

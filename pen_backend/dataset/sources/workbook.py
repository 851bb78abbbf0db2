"""The rows of a workbook's first sheet, as text; read by python-calamine, after a look at what it would have to hold.

calamine keeps a sheet as one dense table, so that two cells at opposite corners are 17 thousand million. What a file
asks for is therefore counted first, while its members are unpacked once and thrown away.
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from xml.parsers import expat

from pen_backend.dataset.sources.archive import members
from pen_backend.dataset.sources.columns import Row
from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.streams import CHUNK, fault
from pen_backend.errors import DataError, Finding

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_MOST_BYTES = 100_000_000  # of all members, unpacked
MOST_CELLS = 5_000_000  # of a sheet from its first cell to its last, empty ones included
_MOST_MEMBERS = 1_000


def rows(document: Document) -> Iterator[Row | Finding]:
    """Yield the first sheet's rows that are not blank, and a warning that names other sheets."""
    _refuse_too_big(document)
    sheet, others = _first_sheet(document)
    if others:
        names = ", ".join(f"'{name}'" for name in others[:5]) + (", …" if len(others) > 5 else "")
        yield Finding("sheets", f"only the first sheet is read, not {names}", document.name,
                      "save the other sheets as files of their own", "warning")
    for number, cells in enumerate(sheet.iter_rows(), 1):
        texts = tuple(_text(cell) for cell in cells)
        if any(texts):
            yield Row(number, texts, raw=texts)


def _first_sheet(document: Document) -> "tuple[CalamineSheet, list[str]]":
    try:
        import python_calamine as calamine
    except ImportError:
        raise fault("unknown-format", f"{document.name} is a workbook, and python-calamine, which reads them, is not "
                    "installed", document.name, "Install pen-backend[xlsx], or save the sheet as CSV.") from None
    try:
        with document.open_raw() as stream:
            book = calamine.CalamineWorkbook.from_filelike(stream)
            sheets = [one.name for one in book.sheets_metadata if one.typ == calamine.SheetTypeEnum.WorkSheet]
            if not sheets:
                raise _unreadable(document, "it has no sheet")
            return book.get_sheet_by_name(sheets[0]), sheets[1:]
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise _unreadable(document, str(error)) from error


def _refuse_too_big(document: Document) -> None:
    """Unpack every member once, in pieces, and refuse what would not fit into memory."""
    total = 0
    for number, stream in enumerate(members(document), 1):
        if number > _MOST_MEMBERS:
            raise fault("too-big", f"{document.name} has more than {_MOST_MEMBERS:,} parts", document.name,
                        "Save the sheet as CSV.")
        with stream:
            extent = _Extent(document)
            while data := stream.read(CHUNK):
                total += len(data)
                if total > _MOST_BYTES:
                    raise fault("bomb", f"{document.name} unpacks to more than {_MOST_BYTES // 1_000_000} MB",
                                document.name, "Save the sheet as CSV.")
                extent.feed(data)
            extent.close()


class _Extent:
    """How far the cells of one member reach, if it is XML at all."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._parser: expat.XMLParserType | None = None
        self._is_first = True
        self._row = self._column = self._rows = self._columns = 0

    def feed(self, data: bytes) -> None:
        """Read on; DataError if a cell lies too far out, or the XML declares entities."""
        if self._is_first:
            self._is_first = False
            if data.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00")[:1] == b"<":
                self._parser = expat.ParserCreate()
                self._parser.StartElementHandler = self._element
                self._parser.EntityDeclHandler = self._entity
        if self._parser is not None:
            self._parse(data, False)

    def close(self) -> None:
        """End the member."""
        if self._parser is not None:
            self._parse(b"", True)

    def _parse(self, data: bytes, final: bool) -> None:
        if self._parser is None:
            return
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            raise _unreadable(self._document, f"one of its parts is no XML: {error}") from None

    def _element(self, name: str, attributes: Mapping[str, str]) -> None:
        name = name.rpartition(":")[2]
        if name == "row":
            given = attributes.get("r", "")
            self._row = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else self._row + 1
            self._column = 0
        elif name == "c":
            letters = attributes.get("r", "").rstrip("0123456789")
            digits = attributes.get("r", "")[len(letters):]
            self._column = _number_of(letters) if letters else self._column + 1
            self._row = int(digits) if digits and len(digits) < 10 else self._row
            self._rows, self._columns = max(self._rows, self._row), max(self._columns, self._column)
            if self._rows * self._columns > MOST_CELLS:
                raise fault("too-big", f"the cells of {self._document.name} reach to row {self._rows:,} and column "
                            f"{self._columns:,}; a sheet may have {MOST_CELLS:,} cells, empty ones included",
                            self._document.name, "Remove what stands far out, or save the sheet as CSV.")

    def _entity(self, *declaration: object) -> None:
        raise _unreadable(self._document, "it declares XML entities, which no workbook needs")


def _number_of(letters: str) -> int:
    """Return the number of a column: A is 1, AA is 27; anything that is no column is beyond all of them."""
    number = 0
    for letter in letters:
        if not "A" <= letter <= "Z" or number > 100_000:
            return MOST_CELLS + 1
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _text(cell: object) -> str:
    """Write a cell as its text: whole numbers without .0, dates as ISO 8601."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime.datetime | datetime.date | datetime.time):
        return cell.isoformat()
    return str(cell)


def _unreadable(document: Document, why: str) -> DataError:
    return fault("unknown-format", f"{document.name} cannot be read as a workbook: {why}", document.name,
                 "Save it again as XLSX, or as CSV.")

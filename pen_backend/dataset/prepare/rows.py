"""Checks 2 to 4: find the columns of prompts and completions, and read the rows below them."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import orjson

from pen_backend.dataset.prepare.cells import BLANK, Cells
from pen_backend.dataset.prepare.found import Found, Row, few_or_many
from pen_backend.dataset.record import Rejected, rejected
from pen_backend.errors import Finding
from pen_backend.records import bad
from pen_backend.records.fields import kind_of, quoted

Field = Literal["prompt", "completion"]
FIELDS: tuple[Field, Field] = ("prompt", "completion")
_SHOWN = 10
_NUMBER: dict[Field, int] = {"prompt": 2, "completion": 3}
_OTHER_ROWS = {  # by a key that gives them away
    "data": "texts with loss weights", "text": "texts by themselves", "segments": "segments",
    "instruction": "instructions", "body": "jokes",
}


@dataclass(slots=True)
class Read:
    """What came out of a file: rows, what was found on the way, and the records that cannot be used."""

    rows: list[Row] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    bad: list[Rejected] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    records: int = 0


def rows_of(records: Iterable[Cells | Rejected | Finding]) -> Read:
    """Make rows of a file's records; what nothing can mend is among the findings, as an error."""
    read = Read()
    columns: dict[str, None] = {}
    kept: list[Cells] = []
    for each in records:
        if isinstance(each, Finding):
            read.notes.append(each)
            continue
        read.records += 1
        if isinstance(each, Rejected):
            read.bad.append(each)
            continue
        if each.fields is BLANK:
            kept.append(each)
            continue
        columns.update(dict.fromkeys(each.fields))
        kept.append(Cells({name: cell for name, cell in each.fields.items() if _plain(name) in FIELDS}, each.origin,
                          each.where))
    if not columns:
        return read
    chosen = {name: _column(name, list(columns)) for name in FIELDS}
    read.found += [one for name in FIELDS if (one := _renamed(name, chosen[name], list(columns))) is not None]
    if None in chosen.values():
        return read
    rest = [column for column in columns if column not in chosen.values()]
    if rest:
        read.found.append(_further(rest))
    _fill(read, kept, str(chosen["prompt"]), str(chosen["completion"]))
    return read


def _plain(column: str) -> str:
    return column.strip().lower()


def _column(name: Field, columns: list[str]) -> str | None:
    """Choose a column: the one of that name, else the first that is called so in other letters."""
    return name if name in columns else next((column for column in columns if _plain(column) == name), None)


def _renamed(name: Field, column: str | None, columns: list[str]) -> Found | None:
    if column == name:
        return None
    if column is not None:
        return Found(_NUMBER[name], "column-name", f"the column {quoted(column)} is to be called '{name}'",
                     fix="necessary", remedy="rename it")
    advice = f"rename a column to '{name}'"
    if near := difflib.get_close_matches(name, columns, 1, 0.7):
        advice = f"did you mean {quoted(near[0])}?"
    elif other := next((text for key, text in _OTHER_ROWS.items() if key in columns), None):
        advice = f"the rows look like {other}, which need no preparing: run `pen dataset check`"
    return Found(_NUMBER[name], "no-field", f"there is no column '{name}'", "error", remedy=advice)


def _further(columns: list[str]) -> Found:
    named = ", ".join(quoted(column) for column in columns[:_SHOWN])
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    alike = [column for column in columns if any(name in column.lower() for name in FIELDS)]
    names = f"; mind that {', '.join(map(quoted, alike[:_SHOWN]))} may hold what you mean" if alike else ""
    return Found(4, "columns", f"{few_or_many(columns, 'further column', 'is', 'are')} not used: {named}{more}{names}",
                 fix="necessary", remedy="leave it out" if len(columns) == 1 else "leave them out")


def _fill(read: Read, kept: list[Cells], prompt: str, completion: str) -> None:
    """Make the rows; numbers become texts, a prompt that is not there becomes an empty one."""
    written, unprompted = [], []
    for number, cells in enumerate(kept):
        names = FIELDS if cells.fields is BLANK else (prompt, completion)
        values = (cells.fields.get(names[0]), cells.fields.get(names[1]))
        texts = [_text(value) for value in values]
        if None in texts:
            at = texts.index(None)
            name, value = names[at], values[at]
            error = bad("text-list-type", f"{name} must be a text, found {kind_of(value)}", where=cells.where,
                        pointer=f"/{name}", hint="write it as one text")
            read.bad.append(rejected(error, cells.origin))
            continue
        if any(value is not None and not isinstance(value, str) for value in values):
            written.append(cells.line)
        if values[0] is None:
            unprompted.append(cells.line)
        read.rows.append(Row(number, cells.line, str(texts[0]), str(texts[1])))
    if unprompted:
        read.found.append(Found(2, "no-prompt", f"{few_or_many(unprompted, 'row', 'has', 'have')} no prompt",
                                rows=tuple(unprompted), fix="necessary", remedy="take it for an empty one"))
    if written:
        read.found.append(Found(None, "not-text", f"{few_or_many(written, 'row', 'holds', 'hold')} a number or a truth "
                                "value where a text is wanted", rows=tuple(written), fix="necessary",
                                remedy="write it as a text"))


def _text(value: object) -> str | None:
    """Write a cell as text; None if it is a list or an object."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return orjson.dumps(value).decode() if isinstance(value, bool | int | float) else None

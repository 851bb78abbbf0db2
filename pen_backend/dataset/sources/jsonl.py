"""Read JSON lines or arrays: training rows in every dialect, or records whose fields fill the variables."""

import difflib
from collections import Counter
from collections.abc import Iterator

from pen_backend.dataset.record import Read, Record
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.values import Value, refused, values
from pen_backend.errors import DataError, Finding
from pen_backend.records import Dialect, bad, parse_object, refuse_forgotten_data


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield an example for a training row, and a record for an object that has the fields the build uses.

    At the end a note says how many rows were of which dialect.
    """
    seen: Counter[Dialect] = Counter()
    columns = frozenset(column for names in request.source.fields.values() for column in names)
    for value in values(document):
        if value.error is not None:
            yield refused(document, value, value.error)
            continue
        try:
            if isinstance(value.value, dict) and _is_record(value.value, columns, request.wanted):
                fields = _with_text(value.value) if request.text else value.value
                yield Record(fields, document.origin(value.locator))
                continue
            dialect, example = parse_object(value.value, origin=document.origin(value.locator), where=value.where,
                                            prompt_loss_weight=request.prompt_loss_weight)
            refuse_forgotten_data(dialect, seen, where=value.where)
        except DataError as error:
            yield refused(document, value, _explained(error, value, request))
        else:
            seen[dialect] += 1
            yield example
    if seen:
        counts = ", ".join(f"{number} {dialect}" for dialect, number in sorted(seen.items()))
        yield Finding("dialect", f"{document.name} has training rows: {counts}", level="note")


def _is_record(value: dict[str, object], columns: frozenset[str], wanted: frozenset[str]) -> bool:
    """Say whether the build takes this object by its fields: the source maps them, or all that it uses are there."""
    if columns:
        return not columns.isdisjoint(value)
    return bool(wanted) and wanted <= value.keys()


def _with_text(value: dict[str, object]) -> dict[str, object]:
    if isinstance(value.get("text"), str):
        return value
    return {**value, "text": " ".join(item for item in value.values() if isinstance(item, str))}


def _explained(error: DataError, value: Value, request: Request) -> DataError:
    """Name the field that comes nearest to a missing one, where the object is no training row at all."""
    row, finding = value.value, error.findings[0]
    if finding.code != "no-data" or not isinstance(row, dict) or not request.wanted:
        return error
    missing = sorted(request.wanted - row.keys())
    near = [found[0] for name in missing if (found := difflib.get_close_matches(name, list(row), 1))]
    hint = f"did you mean '{near[0]}'? Map it with `fields`." if near else finding.hint
    names = ", ".join(repr(name) for name in missing)
    return bad("no-field", f"{finding.message}, and no field {names} for the prompt", where=value.where,
               pointer=finding.pointer, hint=hint)

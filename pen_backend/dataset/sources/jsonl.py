"""Read JSON lines or arrays: training rows in every dialect, or records whose fields fill the variables."""

import difflib
from collections.abc import Iterator

from pen_backend.dataset.record import Read, Record, rejected
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.values import Value, values
from pen_backend.errors import DataError
from pen_backend.records import Dialect, bad, parse_object, refuse_forgotten_data


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield an example for a training row, and a record for an object that has the fields the build uses."""
    seen: set[Dialect] = set()
    for value in values(document):
        origin = document.origin(value.locator)
        try:
            if value.error is not None:
                raise value.error
            if isinstance(value.value, dict) and _is_record(value.value, request):
                yield Record(_with_text(value.value), origin)
                continue
            dialect, example = parse_object(value.value, origin=origin, where=value.where,
                                            prompt_loss_weight=request.prompt_loss_weight)
            refuse_forgotten_data(dialect, seen, where=value.where)
        except DataError as error:
            yield rejected(_explained(error, value, request), origin, value.raw)
        else:
            yield example


def _is_record(value: dict[str, object], request: Request) -> bool:
    """Say whether the build takes this object by its fields: the source maps them, or all that it uses are there."""
    columns = {column for names in request.source.fields.values() for column in names}
    if columns:
        return not columns.isdisjoint(value)
    return bool(request.wanted) and request.wanted <= value.keys()


def _with_text(value: dict[str, object]) -> dict[str, object]:
    if isinstance(value.get("text"), str):
        return value
    return {**value, "text": " ".join(item for item in value.values() if isinstance(item, str))}


def _explained(error: DataError, value: Value, request: Request) -> DataError:
    """Name the field that comes nearest to a missing one, where the object is no training row at all."""
    if error.findings[0].code != "no-data" or not isinstance(value.value, dict) or not request.wanted:
        return error
    missing = sorted(request.wanted - value.value.keys())
    near = [difflib.get_close_matches(name, list(value.value), 1) for name in missing]
    hint = f"did you mean '{near[0][0]}'? Map it with `fields`." if near and near[0] else error.findings[0].hint
    return bad("no-field", f"{error.message}, and no field {', '.join(repr(name) for name in missing)} for the prompt",
               where=value.where, hint=hint)

"""Read joke collections in taivop's schemas: title and body, with score, category or rating."""

from collections.abc import Iterator

from pen_backend.dataset.record import Read, Record, Rejected, rejected
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.values import values
from pen_backend.records import bad

_KEPT = ("title", "body", "score", "category", "rating", "keywords", "id")


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield a record a joke: `joke` is title and body; a joke without a body is dropped as `empty`."""
    for value in values(document):
        origin = document.origin(value.locator)
        joke = value.value
        if value.error is not None:
            yield rejected(value.error, origin, value.raw)
            continue
        if not isinstance(joke, dict) or "body" not in joke:
            keys = "" if not isinstance(joke, dict) else f" among {', '.join(sorted(joke)[:8])}"
            error = bad("no-field", f"a joke is an object with a `body`; there is none{keys[:120]}", where=value.where)
            yield rejected(error, origin, value.raw)
            continue
        body, title = joke["body"], joke.get("title", "")
        if not isinstance(body, str) or not isinstance(title, str):
            error = bad("text-list-type", "title and body of a joke must be texts", where=value.where)
            yield rejected(error, origin, value.raw)
        elif not body or body.isspace():
            yield Rejected(origin, "empty", "the joke has no body", value.raw)
        else:
            text = f"{title} {body}" if title else body
            joke["joke"] = joke["text"] = text
            yield Record(joke, origin)

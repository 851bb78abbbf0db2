"""Read joke collections in taivop's schemas: title and body, with score, category or rating."""

from collections.abc import Iterator

from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.values import Value, refused, values
from pen_backend.errors import DataError
from pen_backend.records import bad


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield a record a joke: `joke` is title and body; a joke without a body is dropped as `empty`."""
    for value in values(document):
        joke = value.value
        if value.error is not None or not isinstance(joke, dict):
            yield refused(document, value, value.error or _no_joke(value))
            continue
        body, title = joke.get("body"), joke.get("title", "")
        if not isinstance(body, str) or not isinstance(title, str):
            yield refused(document, value, _no_joke(value))
        elif not body or body.isspace():
            yield Rejected(document.origin(value.locator), "empty", "the joke has no body", joke)
        else:
            joke["joke"] = joke["text"] = f"{title} {body}" if title else body
            yield Record(joke, document.origin(value.locator))


def _no_joke(value: Value) -> DataError:
    """Say what keeps a value from being a joke."""
    joke = value.value
    if not isinstance(joke, dict):
        return bad("not-an-object", "a joke is an object with a `body`", where=value.where,
                   hint='write {"title": "…", "body": "…"}')
    if "body" not in joke:
        keys = f" among {', '.join(map(repr, sorted(joke)[:8]))}"[:120] if joke else ""
        return bad("no-field", f"there is no `body`{keys}", where=value.where, pointer="",
                   hint="read other collections with reader jsonl, and map their keys with `fields`")
    key = "title" if isinstance(joke["body"], str) else "body"
    return bad("text-list-type", f"{key} must be a text", where=value.where, pointer=f"/{key}",
               hint="put the text into quotes")

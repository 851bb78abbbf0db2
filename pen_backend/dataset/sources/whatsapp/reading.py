"""A chat's messages as records, with what a source says about people: whom to keep, whom to take out."""

from collections.abc import Callable, Iterator

from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.people import known_person, plain_name, without_names
from pen_backend.dataset.sources.whatsapp import chat, exports
from pen_backend.dataset.sources.whatsapp.chat import Fault, Message
from pen_backend.dataset.sources.whatsapp.strings import Strings, load
from pen_backend.prompts.sources import Source


def read(document: Document, request: Request, *, strings: Strings | None = None) -> Iterator[Read]:
    """Yield a record a message: timestamp, author, text, kind, and where it applies media, file, edited.

    What the source leaves out (`user`, `remove`, `drop`) is rejected as filtered, without its text.
    """
    source = request.source
    strings = strings or load()
    document, told = exports.chat_of(document, strings)
    yield from told
    found = chat.look(document, strings, (*source.remove, *([source.user] if source.user else [])), source.date_order)
    if source.user is not None:
        known_person(source.user, found.names, document)
    yield from found.findings
    left_out = _left_out(source, speakers=not request.conversation)
    without = without_names(source.remove)
    for each in found.messages():
        origin = document.origin(f"line {each.line}")
        if isinstance(each, Fault):
            yield Rejected(origin, each.code, each.message, None if source.remove else each.raw, each.hint)
        elif reason := left_out(each):
            yield Rejected(origin, "filtered", reason)
        else:
            text = without(each.body.text)
            if request.wanted and not text.strip():
                yield Rejected(origin, "empty", f"the message, of kind {each.body.kind}, has no text",
                               None if source.remove else _fields(each, text))
                continue
            if source.include_user and each.author is not None and text and not request.conversation:
                text = f"{each.author}: {text}"
            yield Record(_fields(each, text), origin)


def begins_chat(head: str) -> bool:
    """Say whether a text begins as exports of today do; the form of older ones is also that of logs."""
    header = exports.first_header(head, load())
    return header is not None and header.form.style in ("bracket", "dash")


def _left_out(source: Source, *, speakers: bool) -> Callable[[Message], str | None]:
    """Return the function that says why a message is left out, or None."""
    dropped = frozenset(source.drop)
    removed = frozenset(map(plain_name, source.remove))
    user = plain_name(source.user) if source.user is not None and speakers else None

    def why(message: Message) -> str | None:
        if message.body.kind in dropped:
            return f"the message is of kind {message.body.kind}, which the source drops"
        author = None if message.author is None else plain_name(message.author)
        if removed and author in removed:
            return "the message is of somebody whom the source removes"
        return "the message is not of the user whom the source names" if user is not None and author != user else None

    return why


def _fields(message: Message, text: str) -> dict[str, object]:
    body = message.body
    fields: dict[str, object] = {"timestamp": message.timestamp, "author": message.author, "text": text,
                                 "kind": body.kind}
    if body.media is not None:
        fields["media"] = body.media
    if body.file is not None:
        fields["file"] = body.file
    if body.edited:
        fields["edited"] = True
    return fields

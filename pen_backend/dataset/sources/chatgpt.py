"""Read ChatGPT's export, conversations.json: each conversation is a tree, of which the branch last shown is read.

A conversation is a chat example. A build of turns gets its messages one by one, and a source with `fields` gets a
record a conversation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pen_backend.dataset.record import Read, Record
from pen_backend.dataset.sources.archive import unzipped
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.values import Value, refused, values
from pen_backend.errors import DataError
from pen_backend.records import LINE_LIMIT, Example, Origin, Segment, bad, make_example

LIMIT = 16_000_000  # bytes of one conversation; a year of work in one window has some megabytes
_ROLES = ("system", "user", "assistant")
_CONTENTS = ("text", "multimodal_text")  # not code that was run, its output, thoughts, or pages that were looked at


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was shown."""

    role: str
    text: str
    time: float | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of the branch that was shown last."""

    id: str | None
    title: str | None
    time: float | None
    messages: tuple[Message, ...]


def is_conversation(value: object) -> bool:
    """Say whether a JSON value has the shape of an exported conversation."""
    return isinstance(value, dict) and isinstance(value.get("mapping"), dict) and "current_node" in value


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield a conversation as a chat; for a build of turns its messages, with `fields` a record."""
    document = unzipped(document, _conversations, "conversations.json", "files conversations.json")
    for value in values(document, limit=LIMIT):
        origin = document.origin(value.locator)
        try:
            conversation = _conversation(value)
            if request.conversation:
                yield from _messages(conversation, origin)
            elif request.source.fields:
                yield _record(conversation, origin)
            else:
                yield _chat(conversation, origin, value.where)
        except DataError as error:
            short = value if len(value.raw) <= LINE_LIMIT else replace(value, raw=value.raw[:LINE_LIMIT])
            yield refused(document, short, error)


def _conversation(value: Value) -> Conversation:
    if value.error is not None:
        raise value.error
    whole = value.value
    if not isinstance(whole, dict) or not isinstance(whole.get("mapping"), dict):
        raise bad("no-field", "a conversation is an object with a `mapping` of messages", where=value.where)
    nodes = _branch(whole["mapping"], whole.get("current_node"), value.where)
    messages = tuple(message for node in nodes if (message := _message(node)) is not None)
    if not messages:
        raise bad("empty", "the conversation has no text", where=value.where)
    return Conversation(_text(whole.get("conversation_id")) or _text(whole.get("id")), _text(whole.get("title")),
                        _time(whole.get("create_time")), messages)


def _branch(mapping: Mapping[str, object], leaf: object, where: str) -> list[Mapping[str, object]]:
    """Follow the parents from the message that was shown last up to the first one."""
    if leaf is None:
        leaf = next(reversed(list(mapping)), None)
    nodes: list[Mapping[str, object]] = []
    seen: set[object] = set()
    while isinstance(leaf, str):
        node = mapping.get(leaf)
        if leaf in seen or not isinstance(node, dict):
            what = "is its own ancestor" if leaf in seen else "is not in `mapping`"
            raise bad("no-field", f"the tree of messages is broken: a parent {what}", where=where)
        seen.add(leaf)
        nodes.append(node)
        leaf = node.get("parent")
    return nodes[::-1]


def _message(node: Mapping[str, object]) -> Message | None:
    """Return what a node shows; None for hidden messages, tools and what is no text."""
    message = node.get("message")
    if not isinstance(message, dict):
        return None
    author, content, meta = message.get("author"), message.get("content"), message.get("metadata")
    role = author.get("role") if isinstance(author, dict) else None
    if role not in _ROLES or not isinstance(content, dict) or content.get("content_type") not in _CONTENTS:
        return None
    if isinstance(meta, dict) and meta.get("is_visually_hidden_from_conversation"):
        return None
    if message.get("recipient") not in (None, "all"):
        return None
    parts = content.get("parts")
    text = "\n".join(part for part in parts if isinstance(part, str)) if isinstance(parts, list) else ""
    return Message(str(role), text, _time(message.get("create_time"))) if text.strip() else None


def _chat(conversation: Conversation, origin: Origin, where: str) -> Example:
    if all(one.role != "assistant" for one in conversation.messages):
        raise bad("no-assistant", "nobody answers in the conversation", where=where)
    segments = [Segment(one.text, float(one.role == "assistant"), one.role) for one in conversation.messages]
    return make_example(segments, origin=origin, meta=_meta(conversation))


def _messages(conversation: Conversation, origin: Origin) -> Iterator[Record]:
    for message in conversation.messages:
        yield Record({"timestamp": _moment(message.time), "author": message.role, "text": message.text,
                      "kind": "system" if message.role == "system" else "text", "title": conversation.title,
                      "conversation": conversation.id or origin.locator}, origin)


def _record(conversation: Conversation, origin: Origin) -> Record:
    texts = {role: [one.text for one in conversation.messages if one.role == role] for role in _ROLES}
    whole = "\n\n".join(one.text for one in conversation.messages)
    return Record({**_meta(conversation), **texts, "text": whole}, origin)


def _meta(conversation: Conversation) -> dict[str, object]:
    return {"id": conversation.id, "title": conversation.title, "timestamp": _moment(conversation.time)}


def _moment(time: float | None) -> str | None:
    """Write a time, which the export has in seconds since 1970, as ISO 8601 in UTC."""
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _conversations(names: Sequence[str]) -> list[str]:
    return [name for name in names if PurePosixPath(name).name == "conversations.json"]

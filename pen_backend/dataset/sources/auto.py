"""Recognise a document's format: by its extension, else by its content."""

import re
from pathlib import PurePath
from typing import BinaryIO

from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.values import Value, values
from pen_backend.dataset.sources.whatsapp import begins_chat
from pen_backend.errors import DataError

_HEAD = 65_536
_EXTENSIONS = {
    ".org": "org", ".csv": "table", ".tsv": "table", ".xlsx": "table", ".srt": "transcript", ".vtt": "transcript",
    ".zip": "whatsapp",
}
_CUES = re.compile(r"(WEBVTT\b|\d+\s*\n\d\d:\d\d:\d\d,\d{3} --> )")
_ORG = re.compile(r"^(\*+ |#\+\w+|[ \t]*[-+] |[ \t]*\d+[.)] )", re.MULTILINE)
_TABLE = re.compile(r"\s*\|.*\|\s*$", re.MULTILINE)


def recognise(document: Document) -> str:
    """Name the reader that fits: JSON, WhatsApp, captions, org, table, or lines of text, in this order."""
    extension = PurePath(document.name.removesuffix(".gz")).suffix.lower() if document.path else ""
    if extension in (".json", ".jsonl", ".ndjson"):
        return _json(document) or "jsonl"
    if extension in _EXTENSIONS:
        return _EXTENSIONS[extension]
    with document.open() as stream:
        head = _head(stream)
    # A chat may begin with a bracket, too: [13/06/18, 21:25:15] is no JSON.
    if head.startswith("PK\x03\x04") or begins_chat(head.lstrip("\ufeff")):
        return "whatsapp"
    if head.lstrip()[:1] in ("{", "[") and (name := _json(document)):
        return name
    if _CUES.match(head.lstrip("\ufeff")):
        return "transcript"
    if _ORG.search(head) or _TABLE.match(head):
        return "org"
    return "text"


def _head(stream: BinaryIO) -> str:
    return stream.read(_HEAD).decode(errors="ignore").replace("\r\n", "\n")


def _json(document: Document) -> str | None:
    """Tell jokes from other JSON by the first value; None if that is no JSON."""
    try:
        first: Value | None = next(values(document), None)
    except DataError:
        return "jsonl"
    if first is None or first.error is not None:
        return None
    training = ("data", "messages", "prompt", "completion", "input", "text")
    value = first.value
    return "jokes" if isinstance(value, dict) and "body" in value and value.keys().isdisjoint(training) else "jsonl"

"""Recognise a document's format: by its extension, else by its content."""

import codecs
import csv
import re
from pathlib import PurePath
from typing import BinaryIO

from pen_backend.dataset.sources import chatgpt
from pen_backend.dataset.sources.archive import names
from pen_backend.dataset.sources.document import Document
from pen_backend.dataset.sources.streams import fault
from pen_backend.dataset.sources.transcript import begins_captions, is_transcript
from pen_backend.dataset.sources.values import Value, values
from pen_backend.dataset.sources.whatsapp import begins_chat
from pen_backend.errors import DataError

_HEAD = 65_536
_EXTENSIONS = {
    ".org": "org", ".csv": "table", ".tsv": "table", ".tab": "table", ".xlsx": "table", ".srt": "transcript",
    ".vtt": "transcript",
}
_ORG = re.compile(r"^(\*+ (?!\*)|#\+\w+[:_ ])", re.MULTILINE)
_BULLET = re.compile(r"[ \t]*([-+]|\d{1,4}[.)]) ")
_BARS = re.compile(r"\s*\|.*\|\s*$", re.MULTILINE)
_NAME = re.compile(r"[^\W\d][\w-]{0,39}")  # a column's name, where only commas speak for a table
_ROWS = 20  # of a table without a name that says so


def recognise(document: Document) -> str:
    """Name the reader that fits: JSON, WhatsApp, captions, org, table, or lines of text, in this order.

    DataError if the bytes are no text.
    """
    extension = PurePath(document.name.removesuffix(".gz")).suffix.lower() if document.path else ""
    if extension in (".json", ".jsonl", ".ndjson"):
        return _json(document) or "jsonl"
    if extension in _EXTENSIONS:
        return _EXTENSIONS[extension]
    with document.open() as stream:
        head = _head(stream)
    if head.startswith("PK\x03\x04"):
        return _packed(document)
    if document.path and (extension == ".zip" or ("\0" in head and _is_utf8(document))):  # else the bad byte is named
        raise fault("unknown-format", f"{document.name} is no text, nor a packed file that is read here", document.name,
                    "Name another file, or the reader of this one.")
    # A chat may begin with a bracket, too: [13/06/18, 21:25:15] is no JSON.
    if begins_chat(head):
        return "whatsapp"
    if head.lstrip()[:1] in ("{", "[") and (name := _json(document)):
        return name
    if begins_captions(head):
        return "transcript"
    if _is_org(head):
        return "org"
    return "table" if _is_table(head) else "text"


def _head(stream: BinaryIO) -> str:
    return stream.read(_HEAD).decode(errors="ignore").removeprefix("\ufeff").replace("\r\n", "\n")


def _is_utf8(document: Document) -> bool:
    with document.open() as stream:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(stream.read(_HEAD))
        except UnicodeDecodeError:
            return False
    return True


def _is_org(head: str) -> bool:
    """Say whether a text has headings or keywords, begins with a table, or is a list for the most part."""
    if _ORG.search(head) or _BARS.match(head):
        return True
    lines = [line for line in head.split("\n") if line and not line[0].isspace()]
    return 2 * sum(_BULLET.match(line) is not None for line in lines) > len(lines)


def _is_table(head: str) -> bool:
    """Say whether the first lines are rows of equally many cells below names of columns."""
    lines = [line for line in head.split("\n") if line.strip()][:_ROWS]
    for separator in "\t;,":
        if not lines or separator not in lines[0]:
            continue
        try:
            rows = list(csv.reader(lines, delimiter=separator, strict=True))
        except csv.Error:
            continue
        names = [name.strip() for name in rows[0]]
        if (len(rows) > 1 and len({len(row) for row in rows}) == 1 and len(set(names)) == len(names) and all(names)
                and (separator != "," or all(_NAME.fullmatch(name) for name in rows[0]))):
            return True
    return False


def _packed(document: Document) -> str:
    """Tell an exported chat from an export of ChatGPT and from a workbook, by what is packed."""
    found = names(document)
    if any(name.endswith("conversations.json") for name in found):
        return "chatgpt"
    return "table" if "xl/workbook.xml" in found else "whatsapp"


def _json(document: Document) -> str | None:
    """Tell jokes, transcripts and conversations from other JSON by the first value; None if that is no JSON."""
    try:
        first: Value | None = next(values(document, limit=chatgpt.LIMIT), None)
    except DataError:
        return "jsonl"
    if first is None or first.error is not None:
        return None
    value = first.value
    if chatgpt.is_conversation(value):
        return "chatgpt"
    if isinstance(value, dict) and is_transcript(value):
        return "transcript"
    training = ("data", "messages", "prompt", "completion", "input", "text")
    return "jokes" if isinstance(value, dict) and "body" in value and value.keys().isdisjoint(training) else "jsonl"

"""Read a YAML 1.2 subset safely, remembering where everything stands.

One pass over the parser's events builds plain values. There is no composing and no constructing, so nothing recurses,
limits act while reading, and the 1.1 surprises (`yes`, `12:30`, `010`, dates) do not exist. Anchors, aliases, tags and
second documents are errors.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from pen_backend.errors import Finding
from pen_backend.prompts.yaml_errors import explain, flow_question

LIMIT_BYTES = 1_000_000
LIMIT_DEPTH = 32
LIMIT_NODES = 10_000
LIMIT_FINDINGS = 100
_LONGEST_NUMBER = 400  # Python refuses to read integers of more than 4,300 digits

# libyaml's parser where it is there: about ten times as fast, and the same events.
PARSER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str | int, ...]

_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class Span(NamedTuple):  # there is one for every value, and these are made twice as fast as frozen records
    """Where a value stands in the text, and how a plain scalar was written (`1.10`, not 1.1)."""

    start: int
    end: int
    written: str | None = None


@dataclass(slots=True)
class Document:
    """A file's text, its value, the place of every key and value in it, and what is wrong with it as YAML."""

    file: str
    text: str = ""
    value: object = None
    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)
    nulls: list[Path] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    behind: "Document | None" = None  # what it includes

    def owner(self, path: Path) -> "Document":
        """Find the file that a key or value of the whole stands in: this one, or one that it includes."""
        here: Document | None = self
        while here is not None:
            if path in here.values or path in here.keys:
                return here
            here = here.behind
        return self

    def written(self, path: Path) -> str | None:
        """Return how PATH's plain scalar stands in its file: `1.10`, not 1.1."""
        span = self.owner(path).values.get(path)
        return None if span is None else span.written

    def at(self, index: int) -> str:
        """Write a place in the text as FILE:LINE:COLUMN, both from 1."""
        line_start = self.text.rfind("\n", 0, index) + 1
        return f"{self.file}:{self.text.count(chr(10), 0, index) + 1}:{index - line_start + 1}"

    def where(self, path: Path, *, key: bool = False) -> str:
        """Write the place of PATH's value (or key) as FILE:LINE:COLUMN; of the nearest thing around it if absent."""
        while path:
            owner = self.owner(path)
            span = owner.keys.get(path) if key else owner.values.get(path)
            if span is None and key:
                span = owner.values.get(path)
            if span is not None:
                return owner.at(span.start)
            path, key = path[:-1], True
        return self.at(0)

    def within(self, path: Path, part: str) -> str:
        """Write the place of the text PART inside PATH's value, or else of the value."""
        owner = self.owner(path)
        span = owner.values.get(path)
        index = owner.text.find(part, span.start, span.end) if span else -1
        return owner.at(index) if index >= 0 else self.where(path)


# What libyaml reads and the pure parser refuses, besides '?': tabs outside quotes, and `|#`. Such a file would load on
# one machine and not on the next. Parsing twice costs much, so only texts with one of these signs are.
_BLOCK_COMMENT = re.compile(r"[|>][-+0-9]*#")


def _second_look(document: Document) -> None:
    other = Document(document.file, document.text)
    try:
        _Reader(other, yaml.SafeLoader).run()
    except _FatalError as error:
        if error.finding not in document.findings:
            document.findings.append(error.finding)


class _FatalError(Exception):
    """Reading cannot go on."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def read(data: bytes, file: str, *, parser: type = PARSER) -> Document:
    """Read one document; what is wrong with it stands in its findings, never in an exception."""
    document = Document(file)
    try:
        document.text = _decode(data, file)
        _Reader(document, parser).run()
        if parser is not yaml.SafeLoader and ("\t" in document.text or _BLOCK_COMMENT.search(document.text)):
            _second_look(document)
    except _FatalError as error:
        document.value = None
        document.findings.append(error.finding)
    return document


def comment_at(document: Document, path: Path) -> str | None:
    """Return the comment that stands where PATH's value should: `- ###` is a list item that is empty."""
    span = document.values.get(path)
    if span is None or span.written != "":
        return None
    found = re.compile(r"[ \t]*(#\S*)").match(document.text, span.start)
    return found[1] if found else None


def comment_index(document: Document, path: Path) -> int:
    """Return the index of the comment that `comment_at` found."""
    return document.text.index("#", document.values[path].start)


def _decode(data: bytes, file: str) -> str:
    if len(data) > LIMIT_BYTES:
        raise _FatalError(Finding("limit", f"the file has more than {LIMIT_BYTES:,} bytes", f"{file}:1:1"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[:error.start].decode("utf-8")
        where = Document(file, before).at(len(before))
        raise _FatalError(Finding("encoding", f"byte 0x{data[error.start]:02x} is not UTF-8", where,
                                  "save the file as UTF-8")) from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


@dataclass(slots=True)
class _Frame:
    """A list or mapping under construction."""

    container: list[object] | dict[str, object]
    path: Path
    start: int
    key: str | None = None


class _Reader:
    """Turn the events of one text into values and places."""

    def __init__(self, document: Document, parser: type) -> None:
        self.document = document
        self.parser = parser
        self.stack: list[_Frame] = []
        self.nodes = 0
        self.flow = 0
        self.documents = 0
        self.handlers: Mapping[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self.scalar, yaml.AliasEvent: self.alias, yaml.DocumentStartEvent: self.begin,
            yaml.SequenceStartEvent: self.open, yaml.MappingStartEvent: self.open,
            yaml.SequenceEndEvent: self.close, yaml.MappingEndEvent: self.close,
        }

    def run(self) -> None:
        """Read all events; raise `_FatalError` where it cannot go on."""
        try:
            events = self.parser(self.document.text)
            while events.check_event():
                event = events.get_event()
                if handle := self.handlers.get(type(event)):
                    handle(event)
        except yaml.YAMLError as error:
            flow = [frame for frame in self.stack if self.document.text.startswith(("[", "{"), frame.start)]
            start = flow[-1].start if flow else None
            raise _FatalError(explain(error, self.document.text, self.document.at, start)) from None
        except (ValueError, OverflowError):  # the pure parser on "\UFFFFFFFF"
            raise _FatalError(Finding("yaml", "not valid YAML: a character number is out of range",
                                      self.document.at(0))) from None
        if not self.documents:
            self.fail("yaml", "the file is empty", 0)

    def begin(self, event: yaml.DocumentStartEvent) -> None:
        """Take the start of a document."""
        self.documents += 1
        if self.documents > 1:
            self.fail("yaml", "a second document begins here", _start(event), "keep one prompt to a file")

    def alias(self, event: yaml.AliasEvent) -> None:
        """Refuse an alias, and go on as if nothing stood there."""
        self.count(event)
        self.note("alias", f"aliases (*{event.anchor}) are not read", _start(event), "write the value out")
        self.put(None, Span(_start(event), _end(event)))

    def check(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        """Note what pen does not read."""
        if event.anchor is not None:
            self.note("alias", f"anchors (&{event.anchor}) are not read", _start(event), "remove it")
        if event.tag is not None:
            self.note("tag", f"tags ({event.tag}) are not read", _start(event), "remove it")

    def count(self, event: yaml.Event) -> None:
        """Count the node against the limit."""
        self.nodes += 1
        if self.nodes > LIMIT_NODES:
            self.fail("limit", f"the file has more than {LIMIT_NODES:,} values", _start(event))

    def open(self, event: yaml.CollectionStartEvent) -> None:
        """Begin a list or a mapping."""
        self.count(event)
        if event.anchor is not None or event.tag is not None:
            self.check(event)
        if len(self.stack) >= LIMIT_DEPTH:
            self.fail("limit", f"more than {LIMIT_DEPTH} levels inside each other", _start(event))
        self.flow += bool(event.flow_style)
        if self.stack and isinstance(self.stack[-1].container, dict) and self.stack[-1].key is None:
            self.fail("yaml", "a key must be text", _start(event), "quote a text that begins with [ or {")
        container: list[object] | dict[str, object] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self.next_path()
        self.document.values[path] = Span(_start(event), _end(event))
        self.stack.append(_Frame(container, path, _start(event)))

    def close(self, event: yaml.CollectionEndEvent) -> None:
        """End a list or a mapping and put it into what is around it."""
        frame = self.stack.pop()
        # Only the end of a flow collection is a sign of its own.
        self.flow -= self.document.text.startswith(("[", "{"), frame.start)
        self.put(frame.container, Span(frame.start, _end(event)))

    def scalar(self, event: yaml.ScalarEvent) -> None:
        """Take a scalar as a key or as a value."""
        self.count(event)
        if event.anchor is not None or event.tag is not None:
            self.check(event)
        text, start, end = event.value, _start(event), _end(event)
        if not text.isascii() and _SURROGATE.search(text):
            self.fail("yaml", "half of a surrogate pair is not a character", start, "write the character itself")
        if not event.style and self.flow and "?" in text:
            # libyaml reads it, the pure parser does not: the file would load on one machine and not on the next.
            self.note("flow-question", flow_question(isinstance(self.stack[-1].container, list)),
                      max(start, self.document.text.find("?", start, end)))
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is None and isinstance(frame.container, dict):
            self.key(frame, text, Span(start, end))
        elif event.style:
            self.put(text, Span(start, end))
        else:
            value = _plain_value(text)
            if value is None:
                self.document.nulls.append(self.next_path())
            self.put(value, Span(start, end, text))

    def key(self, frame: _Frame, key: str, span: Span) -> None:
        """Take a key; another of the same name is an error that names both lines."""
        path = (*frame.path, key)
        if path in self.document.keys:
            first = self.document.at(self.document.keys[path].start).rsplit(":", 2)[1]
            self.note("duplicate-key", f"key '{key}' stands here again after line {first}", span.start, "remove one")
        self.document.keys[path] = span
        frame.key = key

    def next_path(self) -> Path:
        """Say the path of the value that comes next."""
        if not self.stack:
            return ()
        frame = self.stack[-1]
        last = len(frame.container) if isinstance(frame.container, list) else frame.key
        return (*frame.path, "" if last is None else last)

    def put(self, value: object, span: Span) -> None:
        """Put a finished value into what is around it."""
        if not self.stack:
            self.document.values[()] = span
            self.document.value = value
            return
        frame = self.stack[-1]
        container, key = frame.container, frame.key
        if isinstance(container, list):
            self.document.values[(*frame.path, len(container))] = span
            container.append(value)
        elif key is None:
            self.fail("yaml", "a key must be text", span.start)
        else:
            self.document.values[(*frame.path, key)] = span
            container[key] = value
            frame.key = None

    def note(self, code: str, message: str, index: int, hint: str | None = None) -> None:
        """Remember a finding and go on, unless there are too many to be of use."""
        if len(self.document.findings) >= LIMIT_FINDINGS:
            self.fail("limit", f"the file has more than {LIMIT_FINDINGS} errors", index)
        self.document.findings.append(Finding(code, message, self.document.at(index), hint))

    def fail(self, code: str, message: str, index: int, hint: str | None = None) -> None:
        """Stop reading."""
        raise _FatalError(Finding(code, message, self.document.at(index), hint))


def _start(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _end(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark else 0


def _plain_value(text: str) -> object:
    """Resolve a plain scalar by YAML 1.2's core schema: null, true and false, decimal numbers, else text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _LONGEST_NUMBER and text[0] in "+-.0123456789":
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _SPECIAL_FLOAT.fullmatch(text):
            return float(text.replace(".", "").lower())
    return text

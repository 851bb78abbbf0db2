"""Read org files: headings with their bodies, prompt and completion subheadings, list items, table rows.

orgparse reads headings, tags and properties; what stands below a heading is read by org_body.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import orgparse
from orgparse.node import OrgNode

from pen_backend.dataset.record import Read, Record, Rejected, Side, rejected
from pen_backend.dataset.sources.columns import fields_of, names_of
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.org_body import Block, blocks, unlinked, whole
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source
from pen_backend.records import bad

_STRUCTURE = re.compile(r"\*+ |#\+(?:todo|seq_todo|typ_todo|filetags|property):|[ \t]*:(?!effort:)[^\s:]+:",
                        re.IGNORECASE)
_DATE = re.compile(r"[<\[](?=\d)")
_LONG = 400  # characters of a heading's tags, or of a line with a property
_BATCH = 500  # headings
_HEAD = 60  # characters of a heading, which hold its keyword and priority
_HIDE = {ord("<"): 0xE0F0, ord("["): 0xE0F1}
_REST = "\ue0f2"
_SHOW = {hidden: sign for sign, hidden in _HIDE.items()}
_TERM = re.compile(r"(\S.*?)[ \t]+::(?=\s|$)")
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*$")
_NO_PROPERTIES: dict[str, str] = {}  # of most headings; never changed
_INHERITED = frozenset(("PEN_WEIGHTS", "LABEL"))


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading, or the text before the first one, and its own body."""

    heading: str
    line: int
    body: tuple[Block, ...]
    tags: frozenset[str] = frozenset()
    todo: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    parent: int | None = None
    is_leaf: bool = True
    selected: bool = True
    hidden: bool = False  # a COMMENT, or below one


def read(document: Document, request: Request) -> Iterator[Read]:
    """Yield what the source's `unit` asks for; `auto` takes tables, items and headings with text below them."""
    sections = _sections(document, request.source)
    pairs = _pairs(sections)
    inner = {index for pair in pairs.values() for index in pair}
    unit = request.source.unit or "auto"
    found = 0
    for index, section in enumerate(sections):
        if index in inner or not section.selected:
            continue
        reads = _pair(document, sections, index, pairs[index]) if index in pairs and unit in ("auto", "heading") \
            else _section(document, section, unit)
        for each in reads:
            found += isinstance(each, Record)
            yield each
    if not found and unit in ("auto", "heading"):  # an outline: the headings themselves are the texts
        for section in sections:
            if section.heading and section.is_leaf and section.selected and not section.body:
                yield from _record(document, section, section.line,
                                   {"text": section.heading, "item": section.heading})


def _sections(document: Document, source: Source) -> list[_Section]:
    lines = document.text().split("\n")
    filetags, found = _headings(lines)
    starts = [*(line for line, _ in found), len(lines) + 1]
    sections = [_Section("", 0, tuple(blocks(lines[:starts[0] - 1], 1)), filetags,
                         selected=_is_selected(source, filetags, None))]
    # Who stands below whom is kept here: orgparse looks for parents and children from the start each time.
    above: list[tuple[int, int]] = []
    for index, ((start, node), end) in enumerate(zip(found, starts[1:], strict=True)):
        while above and above[-1][0] >= node.level:
            above.pop()
        parent = above[-1][1] if above else None
        around = sections[parent or 0]
        above.append((node.level, index + 1))
        tags = around.tags | node.tags if node.tags else around.tags
        properties = {key: value for key, value in around.properties.items() if key in _INHERITED} or _NO_PROPERTIES
        if node.properties:
            properties = {**properties, **node.properties}
        hidden = around.hidden or node.heading.partition(" ")[0] == "COMMENT"
        sections.append(_Section(
            heading=node.heading, line=start, body=tuple(blocks(lines[start:end - 1], start + 1)), tags=tags,
            todo=node.todo, properties=properties, parent=parent,
            is_leaf=index + 1 == len(found) or found[index + 1][1].level <= node.level,
            selected=not hidden and _is_selected(source, tags, node.todo), hidden=hidden))
    return sections


@dataclass(frozen=True, slots=True)
class _Heading:
    """What a heading says of itself."""

    level: int
    heading: str
    tags: frozenset[str]
    todo: str | None
    properties: Mapping[str, str]


def _headings(lines: list[str]) -> tuple[frozenset[str], list[tuple[int, _Heading]]]:
    """Return the file's tags, and every heading with its line.

    orgparse is given some headings at a time, with the file's keywords above them: its nodes are large, and a file
    can have a hundred thousand.
    """
    masked = [(number, kept) for number, line in enumerate(lines, 1) if (kept := _masked(line))]
    keywords = [kept for _, kept in masked if kept.startswith("#+")]
    first = [index for index, (_, kept) in enumerate(masked) if kept.startswith("*")]
    found = []
    seen: dict[frozenset[str], frozenset[str]] = {}
    for at in range(0, len(first), _BATCH):
        part = masked[first[at]:first[at + _BATCH] if at + _BATCH < len(first) else len(masked)]
        for node in orgparse.loadi([*keywords, *(kept for _, kept in part)]):
            if isinstance(node, OrgNode) and node.level:
                number = part[node.linenumber - len(keywords) - 1][0]
                properties = {str(key).upper(): str(value).translate(_SHOW)
                              for key, value in node.properties.items()} if node.properties else _NO_PROPERTIES
                tags = frozenset(node.shallow_tags)
                found.append((number, _Heading(node.level, _heading_of(node, lines[number - 1]),
                                               seen.setdefault(tags, tags), node.todo, properties)))
    return frozenset(orgparse.loadi(keywords).tags), found


def _is_selected(source: Source, tags: frozenset[str], todo: str | None) -> bool:
    select = source.select
    return ((select.tag is None or select.tag in tags) and (select.todo is None or select.todo == todo)
            and not (select.skip_todo and todo is not None))


def _masked(line: str) -> str:
    """Keep what orgparse is asked for, keyword, tags and properties, without what it stops or stumbles at.

    It stops at any date that does not exist, wherever it stands, and its patterns go over a heading again from each
    of its characters. Dates are hidden behind private characters, and the rest of a long heading behind one.
    """
    if not _STRUCTURE.match(line):
        return ""
    if not line.startswith("*"):
        return _DATE.sub(_hidden, line) if len(line) <= _LONG else ""
    head, rest, tags = _parts(line)
    return _DATE.sub(_hidden, head) + (_REST if rest else "") + (f" {tags}" if tags else "")


def _parts(line: str) -> tuple[str, str, str]:
    """Cut a heading into its beginning, which holds keyword and priority, the rest of its text, and its tags."""
    line = line.rstrip()
    tags = line[line.rfind(" ") + 1:]
    if not (2 < len(tags) <= _LONG and tags.startswith(":") and tags.endswith(":")):
        tags = ""
    text = line[:len(line) - len(tags)].rstrip()
    return text[:_HEAD] or line[:1], text[_HEAD:], tags


def _heading_of(node: OrgNode, line: str) -> str:
    """Return a heading's text, with all that was hidden from orgparse."""
    text = node.get_heading(format="raw").translate(_SHOW)
    if _REST in text:
        text = text.replace(_REST, _parts(line)[1], 1)
    return unlinked(text).strip()


def _hidden(found: re.Match[str]) -> str:
    return chr(_HIDE[ord(found[0])])


def _pairs(sections: list[_Section]) -> dict[int, tuple[int, int]]:
    """Find the headings that have subheadings Prompt and Completion."""
    children: dict[tuple[int, str], int] = {}
    for index, section in enumerate(sections):
        name = section.heading.lower()
        if section.parent is not None and name in ("prompt", "completion"):
            children.setdefault((section.parent, name), index)
    return {parent: (children[parent, "prompt"], children[parent, "completion"])
            for parent, name in children if name == "prompt" and (parent, "completion") in children}


def _pair(document: Document, sections: list[_Section], index: int, pair: tuple[int, int]) -> Iterator[Read]:
    prompt, completion = (whole(sections[each].body) for each in pair)
    text = f"{prompt} {completion}".strip()
    fields = {"prompt": prompt, "completion": completion, "text": text}
    yield from _record(document, sections[index], sections[index].line, fields)


def _section(document: Document, section: _Section, unit: str) -> Iterator[Read]:
    items = [block for block in section.body if block.kind == "item"]
    tables = [block for block in section.body if block.kind == "table"]
    texts = [block for block in section.body if block.kind == "text"]
    if unit in ("auto", "table"):
        for table in tables:
            yield from _rows(document, section, table)
    if unit in ("auto", "item"):
        for item in items:
            yield from _item(document, section, item)
    if unit == "heading" or (unit == "auto" and not items and not tables):
        yield from _heading(document, section, texts)
    elif unit == "auto":
        for block in texts:
            yield Rejected(document.origin(f"line {block.line}"), "filtered",
                           "the text stands beside a list or a table, whose entries are the records", block.text,
                           "read headings with `unit: heading`")


def _heading(document: Document, section: _Section, texts: list[Block]) -> Iterator[Read]:
    body = whole(section.body)
    if not section.heading:  # before the first heading every paragraph, or line of whole sentences, is one text
        for block in texts:
            lines = block.text.split("\n")
            sentences = len(lines) > 1 and all(_SENTENCE.search(line) for line in lines)
            for number, text in enumerate(lines if sentences else [block.text]):
                yield from _record(document, section, block.line + number, {"text": text, "item": text})
    elif body:
        fields = {"prompt": section.heading, "completion": body, "body": body, "text": f"{section.heading} {body}"}
        yield from _record(document, section, section.line, fields)


def _item(document: Document, section: _Section, item: Block) -> Iterator[Read]:
    found = _TERM.match(item.text)
    if found is None:
        yield from _record(document, section, item.line, {"item": item.text, "text": item.text})
        return
    term, rest = found[1].strip(), item.text[found.end():].strip()
    text = f"{term} {rest}".rstrip()
    fields = {"item": text, "text": text, "term": term, "definition": rest, "prompt": term, "completion": rest}
    yield from _record(document, section, item.line, fields)


def _rows(document: Document, section: _Section, table: Block) -> Iterator[Read]:
    for line, cells in table.rows:
        if not any(cells):
            continue
        try:
            names = names_of(table.header, f"{document.name}:{table.line}") if table.header else [
                str(number) for number in range(1, len(cells) + 1)]
            fields = fields_of(names, cells, f"{document.name}:{line}")
        except DataError as error:
            yield rejected(error, document.origin(f"line {line}"), list(cells))
        else:
            yield from _record(document, section, line, fields)


def _record(document: Document, section: _Section, line: int, fields: Mapping[str, str]) -> Iterator[Read]:
    """Yield a record with what its heading says about all of its records."""
    properties = section.properties
    origin = document.origin(f"line {line}")
    if not fields["text"].strip():
        yield Rejected(origin, "empty", "there is no text", fields)
        return
    weights = None
    if "PEN_WEIGHTS" in properties:
        weights = _weights(properties["PEN_WEIGHTS"])
        if weights is None:
            error = bad("weights-value", "PEN_WEIGHTS must be finite numbers >= 0, separated by spaces",
                        where=f"{document.name}:{section.line}", hint="write them as in `:PEN_WEIGHTS: 0.3 0.7`")
            yield rejected(error, origin, fields)
            return
    side: Side | None = "valid" if "val" in section.tags else None
    common: dict[str, object] = {"heading": section.heading, "tags": sorted(section.tags), "todo": section.todo,
                                 "properties": dict(section.properties)}
    if "LABEL" in properties:
        common["label"] = properties["LABEL"]
    yield Record({**common, **fields}, origin, side, weights)


def _weights(text: str) -> tuple[float, ...] | None:
    try:
        weights = tuple(float(word) for word in text.split())
    except ValueError:
        return None
    return weights if weights and all(math.isfinite(weight) and weight >= 0 for weight in weights) else None

"""Read org files: headings with their bodies, prompt and completion subheadings, list items, table rows.

org_headings reads headings, tags and properties, org_body what stands below a heading.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pen_backend.dataset.record import Read, Record, Rejected, Side, rejected
from pen_backend.dataset.sources.columns import fields_of, names_of
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.org_body import Block, blocks, whole
from pen_backend.dataset.sources.org_headings import NO_PROPERTIES, headings
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Select, Source
from pen_backend.records import bad

_TERM = re.compile(r"(\S.*?)[ \t]+::(?=\s|$)")
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*$")
_INHERITED = frozenset(("PEN_WEIGHTS", "LABEL"))


@dataclass(slots=True)  # not frozen: a file can have a hundred thousand
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
        if index in inner or not section.selected or not (section.body or index in pairs):
            continue
        reads = _pair(document, sections, index, pairs[index]) if index in pairs and unit in ("auto", "heading") \
            else _section(document, section, unit)
        for each in reads:
            found += isinstance(each, Record)
            yield each
    if not found and unit in ("auto", "heading"):  # an outline: the headings themselves are the texts
        for section in sections:
            if section.heading and section.is_leaf and section.selected and not section.body:
                fields = {"text": section.heading, "item": section.heading}
                yield _record(document, section, section.line, fields)


def _sections(document: Document, source: Source) -> list[_Section]:
    lines = document.text().split("\n")
    filetags, starts, found = headings(lines)
    select = source.select if source.select != Select() else None
    ends = [*starts, len(lines) + 1]
    sections = [_Section("", 0, tuple(blocks(lines[:ends[0] - 1], 1)), filetags,
                         selected=select is None or _is_selected(select, filetags, None))]
    above: list[tuple[int, int]] = []  # levels and indices of the headings that the next one may stand below
    for index, one in enumerate(found):
        start, end = starts[index], ends[index + 1]
        while above and above[-1][0] >= one.level:
            above.pop()
        parent = above[-1][1] if above else None
        around = sections[parent or 0]
        if parent is not None:
            around.is_leaf = False
        above.append((one.level, index + 1))
        tags = around.tags | one.tags if one.tags else around.tags
        inherited = {key: value for key, value in around.properties.items() if key in _INHERITED} if (
            around.properties) else NO_PROPERTIES
        hidden = around.hidden or one.text.partition(" ")[0] == "COMMENT"
        sections.append(_Section(
            heading=one.text, line=start, tags=tags, todo=one.todo, parent=parent, hidden=hidden,
            body=tuple(blocks(lines[start:end - 1], start + 1)) if start < end - 1 else (),
            properties={**inherited, **one.properties} if one.properties else inherited,
            selected=not hidden and (select is None or _is_selected(select, tags, one.todo))))
    return sections


def _is_selected(select: Select, tags: frozenset[str], todo: str | None) -> bool:
    return ((select.tag is None or select.tag in tags) and (select.todo is None or select.todo == todo)
            and not (select.skip_todo and todo is not None))


def _pairs(sections: list[_Section]) -> dict[int, tuple[int, int]]:
    """Find the headings that have subheadings Prompt and Completion."""
    children: dict[tuple[int, str], int] = {}
    for index, section in enumerate(sections):
        if section.parent is not None and (name := section.heading.lower()) in ("prompt", "completion"):
            children.setdefault((section.parent, name), index)
    return {parent: (children[parent, "prompt"], children[parent, "completion"])
            for parent, name in children if name == "prompt" and (parent, "completion") in children}


def _pair(document: Document, sections: list[_Section], index: int, pair: tuple[int, int]) -> Iterator[Read]:
    prompt, completion = (whole(sections[each].body) for each in pair)
    text = f"{prompt} {completion}".strip()
    fields = {"prompt": prompt, "completion": completion, "text": text}
    yield _record(document, sections[index], sections[index].line, fields)


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
    if not section.heading:  # before the first heading every paragraph, or line of whole sentences, is one text
        for block in texts:
            lines = block.text.split("\n")
            sentences = len(lines) > 1 and all(_SENTENCE.search(line) for line in lines)
            for number, text in enumerate(lines if sentences else [block.text]):
                yield _record(document, section, block.line + number, {"text": text, "item": text})
    elif body := whole(section.body):
        fields = {"prompt": section.heading, "completion": body, "body": body, "text": f"{section.heading} {body}"}
        yield _record(document, section, section.line, fields)


def _item(document: Document, section: _Section, item: Block) -> Iterator[Read]:
    found = _TERM.match(item.text)
    if found is None:
        yield _record(document, section, item.line, {"item": item.text, "text": item.text})
        return
    term, rest = found[1].strip(), item.text[found.end():].strip()
    text = f"{term} {rest}".rstrip()
    fields = {"item": text, "text": text, "term": term, "definition": rest, "prompt": term, "completion": rest}
    yield _record(document, section, item.line, fields)


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
            yield _record(document, section, line, fields)


def _record(document: Document, section: _Section, line: int, fields: Mapping[str, str]) -> Read:
    """Make a record with what its heading says about all of its records."""
    properties = section.properties
    origin = document.origin(f"line {line}")
    if not fields["text"].strip():
        return Rejected(origin, "empty", "there is no text", fields)
    weights = None
    if "PEN_WEIGHTS" in properties:
        weights = _weights(properties["PEN_WEIGHTS"])
        if weights is None:
            error = bad("weights-value", "PEN_WEIGHTS must be finite numbers >= 0, separated by spaces",
                        where=f"{document.name}:{section.line}", hint="write them as in `:PEN_WEIGHTS: 0.3 0.7`")
            return rejected(error, origin, fields)
    side: Side | None = "valid" if "val" in section.tags else None
    common: dict[str, object] = {"heading": section.heading, "tags": sorted(section.tags), "todo": section.todo,
                                 "properties": dict(section.properties)}
    if "LABEL" in properties:
        common["label"] = properties["LABEL"]
    return Record({**common, **fields}, origin, side, weights)


def _weights(text: str) -> tuple[float, ...] | None:
    try:
        weights = tuple(float(word) for word in text.split())
    except ValueError:
        return None
    return weights if weights and all(math.isfinite(weight) and weight >= 0 for weight in weights) else None

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
from pen_backend.dataset.sources.document import Document, Request
from pen_backend.dataset.sources.org_body import Block, blocks, unlinked
from pen_backend.errors import DataError
from pen_backend.prompts.sources import Source
from pen_backend.records import bad

_STRUCTURE = re.compile(r"\*+ |#\+(?:todo|seq_todo|typ_todo|filetags|property):|[ \t]*:(?!effort:)[^\s:]+:",
                        re.IGNORECASE)
# orgparse stops at any date that does not exist, wherever it stands; hidden from it, dates stay text.
_DATE = re.compile(r"[<\[](?=\d)")
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*$")
_INHERITED = frozenset(("PEN_WEIGHTS", "LABEL"))
_HIDE, _SHOW = {"<": "\ue0f0", "[": "\ue0f1"}, {0xE0F0: "<", 0xE0F1: "["}


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
    try:
        root = orgparse.loadi([_masked(line) for line in lines])
        nodes = [node for node in root[1:] if isinstance(node, OrgNode)]
        places = {id(node): index for index, node in enumerate(nodes, 1)}
        starts = [*(node.linenumber for node in nodes), len(lines) + 1]
        sections = [_Section("", 0, tuple(blocks(lines[:starts[0] - 1], 1)), frozenset(root.tags),
                             selected=_is_selected(source, frozenset(root.tags), None))]
        for node, start, end in zip(nodes, starts, starts[1:], strict=False):
            tags = frozenset(node.tags)
            parent = places.get(id(node.parent))
            properties = {key: value for key, value in (sections[parent].properties if parent else {}).items()
                          if key in _INHERITED}
            properties.update((str(key).upper(), str(value).translate(_SHOW))
                              for key, value in node.properties.items())
            sections.append(_Section(
                heading=unlinked(node.get_heading(format="raw").translate(_SHOW)).strip(), line=start,
                body=tuple(blocks(lines[start:end - 1], start + 1)), tags=tags, todo=node.todo,
                properties=properties, parent=parent, is_leaf=not node.children,
                selected=_is_selected(source, tags, node.todo)))
    except RecursionError as error:
        raise DataError(f"{document.name} has headings inside headings too deep to follow.") from error
    return sections


def _is_selected(source: Source, tags: frozenset[str], todo: str | None) -> bool:
    select = source.select
    return ((select.tag is None or select.tag in tags) and (select.todo is None or select.todo == todo)
            and not (select.skip_todo and todo is not None))


def _masked(line: str) -> str:
    """Keep what orgparse is asked for, headings and properties, and hide dates from it."""
    if not _STRUCTURE.match(line):
        return ""
    return _DATE.sub(lambda found: _HIDE[found[0]], line)


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
    prompt, completion = (_whole(sections[each].body) for each in pair)
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
    body = _whole(section.body)
    if not section.heading:  # before the first heading every paragraph, or line of whole sentences, is one text
        for block in texts:
            lines = block.text.split("\n")
            whole = len(lines) > 1 and all(_SENTENCE.search(line) for line in lines)
            for number, text in enumerate(lines if whole else [block.text]):
                yield from _record(document, section, block.line + number, {"text": text, "item": text})
    elif body:
        fields = {"prompt": section.heading, "completion": body, "body": body, "text": f"{section.heading} {body}"}
        yield from _record(document, section, section.line, fields)


def _item(document: Document, section: _Section, item: Block) -> Iterator[Read]:
    term, separator, rest = item.text.partition(" :: ")
    if not separator:
        yield from _record(document, section, item.line, {"item": item.text, "text": item.text})
        return
    text = f"{term.strip()} {rest.strip()}"
    fields = {"item": text, "text": text, "term": term.strip(), "definition": rest.strip(), "prompt": term.strip(),
              "completion": rest.strip()}
    yield from _record(document, section, item.line, fields)


def _rows(document: Document, section: _Section, table: Block) -> Iterator[Read]:
    header = table.header
    for line, cells in table.rows:
        text = " ".join(cell for cell in cells if cell)
        if not text:
            continue
        if header and len(cells) != len(header):
            code = "row-short" if len(cells) < len(header) else "row-long"
            error = bad(code, f"the row has {len(cells)} cells for {len(header)} columns")
            yield rejected(error, document.origin(f"line {line}"), list(cells))
        else:
            names = header or tuple(str(number) for number in range(1, len(cells) + 1))
            yield from _record(document, section, line, {"text": text, **dict(zip(names, cells, strict=True))})


def _record(document: Document, section: _Section, line: int, fields: dict[str, str]) -> Iterator[Read]:
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
            error = bad("weights-value", "PEN_WEIGHTS must be finite numbers >= 0, separated by spaces")
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


def _whole(body: tuple[Block, ...]) -> str:
    return "\n\n".join(block.text for block in body if block.text)

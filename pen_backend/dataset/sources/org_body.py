"""What stands below an org heading: list items, tables and text, without org's own markup."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

_DRAWER = re.compile(r"[ \t]*:[\w-]+:[ \t]*$")
_END = re.compile(r"[ \t]*:end:[ \t]*$", re.IGNORECASE)
_BEGIN = re.compile(r"[ \t]*#\+begin_(\w+)", re.IGNORECASE)
_SKIPPED = re.compile(r"[ \t]*(#\+|#( |$)|-{5,}[ \t]*$|(SCHEDULED|DEADLINE|CLOSED|CLOCK):)")
_BULLET = re.compile(r"([ \t]*)(?:[-+]|\d{1,9}[.)]|(?<=[ \t])\*)(?:[ \t]+(.*)|[ \t]*$)")
_BOX = re.compile(r"(?:\[@\d+\][ \t]*)?(?:\[[ xX-]\][ \t]+)?")
_LINK = re.compile(r"\[\[[^\[\]\n]*\](?:\[([^\[\]\n]*)\])?\]")
_UNKEPT = ("comment", "export")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a list item, or a table with its rows and their lines."""

    kind: Literal["text", "item", "table"]
    line: int
    text: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[int, tuple[str, ...]], ...] = ()


def unlinked(text: str) -> str:
    """Replace links by what a reader sees of them."""
    if "[[" not in text:
        return text
    return _LINK.sub(lambda found: found[1] if found[1] is not None else found[0][2:-2], text)


def blocks(lines: Sequence[str], first: int) -> Iterator[Block]:
    """Cut the lines below a heading into blocks; FIRST is the number of the first one in its file."""
    at = 0
    unclosed: set[str] = set()
    while at < len(lines):
        line = lines[at]
        if not line or line.isspace():
            at += 1
        elif _DRAWER.match(line) and (end := _closing(lines, at)):
            at = end
        elif begin := _BEGIN.match(line):
            end = _block_end(lines, at, begin[1].lower(), unclosed)
            text = _text([_unescaped(each) for each in lines[at + 1:end - 1]])
            if text and begin[1].lower() not in _UNKEPT:
                yield Block("text", first + at + 1, text)
            at = end
        elif _SKIPPED.match(line):
            at += 1
        elif line.lstrip().startswith("|"):
            start = at
            while at < len(lines) and lines[at].lstrip().startswith("|"):
                at += 1
            yield _table(lines[start:at], first + start)
        elif _BULLET.match(line):
            start, at = at, _item_end(lines, at)
            if text := _item(lines[start:at]):
                yield Block("item", first + start, text)
        else:
            start = at
            while at < len(lines) and (at == start or not _ends_paragraph(lines[at])):
                at += 1
            if text := _text([each.lstrip()[2:] if each.lstrip().startswith(": ") else each
                              for each in lines[start:at]]):
                yield Block("text", first + start, text)


def _closing(lines: Sequence[str], at: int) -> int | None:
    """Find the line after a drawer's :END:; None if it is never closed, and so no drawer."""
    for index in range(at + 1, len(lines)):
        if _END.match(lines[index]):
            return index + 1
        if _DRAWER.match(lines[index]):
            return None
    return None


def _block_end(lines: Sequence[str], at: int, name: str, unclosed: set[str]) -> int:
    """Find the line after a block's end; an unclosed block is its first line alone, and remembered."""
    for index in range(at + 1, len(lines) if name not in unclosed else 0):
        if lines[index].strip().lower().startswith(f"#+end_{name}"):
            return index + 1
    unclosed.add(name)
    return at + 1


def _unescaped(line: str) -> str:
    inner = line.lstrip()
    return line.replace(",", "", 1) if inner.startswith((",*", ",#+", ",,*", ",,#+")) else line


def _item_end(lines: Sequence[str], at: int) -> int:
    """Find the end of a list item: the next line that is not indented more than its bullet."""
    indent = _indent(lines[at])
    index = at + 1
    while index < len(lines):
        line = lines[index]
        if not line or line.isspace():
            if index + 1 >= len(lines) or not lines[index + 1].strip() or _indent(lines[index + 1]) <= indent:
                break
        elif _indent(line) <= indent:
            break
        index += 1
    return index


def _item(lines: Sequence[str]) -> str:
    texts = []
    for line in lines:
        bullet = _BULLET.match(line)
        text = (bullet[2] or "") if bullet else line.strip()
        texts.append(_BOX.sub("", text, count=1) if bullet else text)
    return _text(texts)


def _ends_paragraph(line: str) -> bool:
    return not line or line.isspace() or bool(
        line.lstrip().startswith("|") or _BULLET.match(line) or _SKIPPED.match(line) or _BEGIN.match(line)
        or _DRAWER.match(line))


def _table(lines: Sequence[str], first: int) -> Block:
    rows: list[tuple[int, tuple[str, ...]]] = []
    header: tuple[str, ...] = ()
    for number, line in enumerate(lines, first):
        inner = line.strip()
        if inner.startswith("|-"):
            if len(rows) == 1 and not header:
                header = rows.pop()[1]
        else:
            cells = inner.removeprefix("|").removesuffix("|").split("|")
            rows.append((number, tuple(_cell(cell) for cell in cells)))
    text = "\n".join(" ".join(cell for cell in cells if cell) for _, cells in rows)
    return Block("table", first, text, header, tuple(rows))


def _cell(cell: str) -> str:
    return unlinked(cell.strip().replace("\\vert{}", "|").replace("\\vert", "|"))


def _text(lines: Sequence[str]) -> str:
    return unlinked("\n".join(line.strip() for line in lines)).strip()


def _indent(line: str) -> int:
    return len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())

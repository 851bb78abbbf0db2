"""What stands below an org heading: list items, tables and text, without org's own markup."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

_DRAWER = re.compile(r"[ \t]*:[\w-]+:[ \t]*$")
_END = re.compile(r"[ \t]*:end:[ \t]*$", re.IGNORECASE)
_BEGIN = re.compile(r"[ \t]*#\+begin_(\w+)", re.IGNORECASE)
_SKIPPED = re.compile(r"[ \t]*(#\+|#( |$)|-{5,}[ \t]*$|(SCHEDULED|DEADLINE|CLOSED|CLOCK):)")
_KEYWORD = re.compile(r"[ \t]*#\+\w")
_BULLET = re.compile(r"([ \t]*)(?:[-+]|\d{1,9}[.)]|(?<=[ \t])\*)(?:[ \t]+(.*)|[ \t]*$)")
_BOX = re.compile(r"(?:\[@\d+\][ \t]*)?(?:\[[ xX-]\][ \t]+)?")
_PLAIN = re.compile(r"[ \t]*+(?![:#|+*\d-]|SCHEDULED:|DEADLINE:|CLOSED:|CLOCK:)\S")  # most lines: only text begins so
_LINK = re.compile(r"\[\[[^\[\]\n]*\](?:\[([^\[\]\n]*)\])?\]")
_UNKEPT = ("comment", "export")
_VERBATIM = ("src", "example", "verse")  # blocks whose indentation means something
_ALIGNMENT = re.compile(r"<[lcr]?\d*>")


@dataclass(slots=True)  # not frozen: a file can have a hundred thousand
class Block:
    """A paragraph, a list item, or a table with its rows and their lines.

    `whole` is it with its bullet or bars, as it stands in a body; `apart` says that a blank line is above it.
    """

    kind: Literal["text", "item", "table"]
    line: int
    text: str
    whole: str
    apart: bool
    header: tuple[str, ...] = ()
    rows: tuple[tuple[int, tuple[str, ...]], ...] = ()


def unlinked(text: str) -> str:
    """Replace links by what a reader sees of them."""
    if "[[" not in text:
        return text
    return _LINK.sub(lambda found: found[1] if found[1] is not None else found[0][2:-2], text)


def blocks(lines: Sequence[str], first: int) -> Iterator[Block]:
    """Cut the lines below a heading into blocks; FIRST is the number of the first one in its file."""
    at, apart = 0, False
    unclosed: set[str] = set()
    while at < len(lines):
        line = lines[at]
        start = at
        block: Block | None = None
        if not line or line.isspace():
            apart = True
            at += 1
        elif _PLAIN.match(line):
            at = _paragraph_end(lines, at)
            block = _prose(lines[start:at], first + start, apart)
        elif (sign := line.lstrip()[0]) == ":" and _DRAWER.match(line) and (end := _closing(lines, at)):
            at = end
        elif sign == "#" and (begin := _BEGIN.match(line)):
            name = begin[1].lower()
            at = _block_end(lines, at, name, unclosed)
            inner = [_unescaped(each) for each in lines[start + 1:at - 1]]
            text = _dedented(inner) if name in _VERBATIM else _text(inner)
            if text and name not in _UNKEPT:
                block = Block("text", first + start + 1, text, text, apart)
        elif _SKIPPED.match(line):
            at += 1
        elif sign == "|":
            while at < len(lines) and lines[at].lstrip().startswith("|"):
                at += 1
            block = _table(lines[start:at], first + start, apart)
        elif _BULLET.match(line):
            at = _item_end(lines, at)
            inner = [_unescaped(each) for each in lines[start:at] if not _KEYWORD.match(each)]
            if text := _item(inner):
                block = Block("item", first + start, text, _dedented(inner), apart)
        else:
            at = _paragraph_end(lines, at)
            block = _prose(lines[start:at], first + start, apart)
        if block is not None:
            yield block
            apart = False


def whole(body: Sequence[Block]) -> str:
    """Put blocks together as they stand, without drawers, keywords and links."""
    parts: list[str] = []
    for block in body:
        parts += ("\n\n" if block.apart else "\n", block.whole)
    return "".join(parts[1:])


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


def _paragraph_end(lines: Sequence[str], at: int) -> int:
    """Find the line after a paragraph that begins here."""
    at += 1
    while at < len(lines) and (_PLAIN.match(lines[at]) or not _ends_paragraph(lines[at])):
        at += 1
    return at


def _prose(lines: Sequence[str], first: int, apart: bool) -> Block | None:
    """Read a paragraph; None if it says nothing."""
    text = _text([each.lstrip().removeprefix(": ") for each in lines])
    return Block("text", first, text, text, apart) if text else None


def _ends_paragraph(line: str) -> bool:
    return not line or line.isspace() or bool(
        line.lstrip().startswith("|") or _BULLET.match(line) or _SKIPPED.match(line) or _BEGIN.match(line)
        or _DRAWER.match(line))


def _table(lines: Sequence[str], first: int, apart: bool) -> Block:
    """Read rows; those that say how columns are aligned or grouped are none. Only one row above a rule is a header."""
    rows: list[tuple[int, tuple[str, ...]]] = []
    header: tuple[str, ...] = ()
    for number, line in enumerate(lines, first):
        inner = line.strip()
        if inner.startswith("|-"):
            if len(rows) == 1 and not header:
                header = rows.pop()[1]
            continue
        cells = tuple(_cell(cell) for cell in inner.removeprefix("|").removesuffix("|").split("|"))
        filled = [cell for cell in cells if cell]
        if cells[0] != "/" and not (filled and all(map(_ALIGNMENT.fullmatch, filled))):
            rows.append((number, cells))
    text = "\n".join(" ".join(cell for cell in cells if cell) for _, cells in rows)
    return Block("table", first, text, unlinked("\n".join(line.strip() for line in lines)), apart, header, tuple(rows))


def _cell(cell: str) -> str:
    return unlinked(cell.strip().replace("\\vert{}", "|").replace("\\vert", "|"))


def _text(lines: Sequence[str]) -> str:
    text = lines[0] if len(lines) == 1 else "\n".join(line.strip() for line in lines)
    return unlinked(text).strip()


def _dedented(lines: Sequence[str]) -> str:
    """Take off the indentation that all lines share, and the white space at their ends."""
    if len(lines) == 1:
        return unlinked(lines[0].expandtabs(8).rstrip().lstrip(" "))
    return unlinked(textwrap.dedent("\n".join(line.expandtabs(8).rstrip() for line in lines))).strip("\n")


def _indent(line: str) -> int:
    if not line[:1].isspace():
        return 0
    wide = line.expandtabs(8)
    return len(wide) - len(wide.lstrip())

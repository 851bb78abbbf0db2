"""The wire's text: Lisp data and EPC frames, read and printed; standard library only.

>>> loads('(call 7 echo (:n 1 :rate 0.5 :text "joke" :on t :off nil))')
[call, 7, echo, [:n, 1, :rate, 0.5, :text, 'joke', :on, True, :off, None]]
>>> dumps([Symbol("return"), 7, [1, 0.5, "joke", True, None]])
'(return 7 (1 0.5 "joke" t nil))'
"""

import math
import re
from collections.abc import Callable

from pen_backend.errors import TooLargeError

MAX_FRAME = 0xFFFFFF
MAX_DEPTH = 100
MAX_ATOMS = 20_000


class Symbol(str):
    """A Lisp symbol, keywords included; `nil` and `t` are None and True instead."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show the bare name, as Lisp prints it."""
        return str(self)


Value = None | bool | int | float | str | list["Value"]
"""What `loads` returns; a Symbol is a str. An empty list in brackets is [], in parentheses None."""

# Every character that is not white space belongs to exactly one token, so nothing is skipped unseen.
_TOKENS: Callable[[str], list[str]] = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"|[()\[\]]|[^\s()\[\]"]+|"', re.ASCII | re.DOTALL).findall
_INTEGER = re.compile(r"[+-]?\d+\.?", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d+\.\d+|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"([+-]?)\d+\.\d+e\+(INF|NaN)", re.ASCII)
_SYMBOL = re.compile(r"[^\s()\[\]\"'`,;#?\\.][^\s()\[\]\"'`,;\\]*", re.ASCII)
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_NAMED = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b", "s": " ",
          "d": "\x7f", "\n": "", " ": ""}
_UID = re.compile(rb"\((?:call|methods) (\d{1,18})[ )]")

_atoms: dict[str, Value] = {"nil": None, "t": True}


def loads(text: str) -> Value:
    """Read one S-expression; ValueError if TEXT is anything else.

    Works with a stack of its own, so nesting is an error at MAX_DEPTH and never a recursion.
    """
    outer: list[list[Value]] = []
    brackets: list[str] = []
    top: list[Value] = []
    items = top
    atoms = _atoms
    for token in _TOKENS(text):
        first = token[0]
        if first == '"':
            items.append(_string(token))
        elif first == "(" or first == "[":
            if len(outer) >= MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
            outer.append(items)
            brackets.append(first)
            items = []
        elif first == ")" or first == "]":
            if not outer or brackets.pop() != ("(" if first == ")" else "["):
                raise ValueError("unbalanced")
            inner, items = items, outer.pop()
            items.append(inner if inner or first == "]" else None)
        else:
            try:
                items.append(atoms[token])
            except KeyError:
                items.append(_atom(token))
    if outer:
        raise ValueError("unbalanced")
    if len(top) != 1:
        raise ValueError("trailing data" if top else "no data")
    return top[0]


def dumps(value: object, depth: int = 0) -> str:
    """Print None, booleans, numbers, strings, symbols and lists of these; TypeError for anything else."""
    kind = type(value)
    if kind is str:
        return quote(value)  # type: ignore[arg-type] # the line above is the check
    if kind is Symbol:
        return str(value)
    if value is None or value is False:
        return "nil"
    if value is True:
        return "t"
    if kind is int:
        return str(value)
    if kind is float:
        return real(value)  # type: ignore[arg-type] # as above
    if isinstance(value, list | tuple):
        if depth >= MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        depth += 1
        return f"({' '.join([dumps(item, depth) for item in value])})" if value else "nil"
    raise TypeError(f"{kind.__name__} has no form in Lisp")


def quote(text: str) -> str:
    """Print a string: only the quote and the backslash are escaped."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if '"' in text:
        text = text.replace('"', '\\"')
    return f'"{text}"'


def real(number: float) -> str:
    """Print a float as Emacs reads it."""
    if math.isfinite(number):
        return repr(number)
    return "0.0e+NaN" if math.isnan(number) else "1.0e+INF" if number > 0 else "-1.0e+INF"


def frame(text: str) -> bytes:
    """Make the frame of one S-expression: six hex digits that count the bytes that follow.

    U+DC80 to U+DCFF leave as the raw bytes they came from. Raises TooLargeError beyond the limit, before anything is
    written, and UnicodeEncodeError for other surrogates.
    """
    payload = text.encode("utf-8", "surrogateescape")
    length = len(payload) + 1
    if length > MAX_FRAME:
        raise TooLargeError(f"A message of {length} bytes is over the link's limit of {MAX_FRAME}.",
                            hint="Send it as a file.")
    return b"%06x%b\n" % (length, payload)


def unframe_length(header: bytes) -> int:
    """Read the length of a frame; ValueError unless HEADER is six lower-case hex digits of a frame that can be."""
    if len(header) != 6 or header.translate(None, b"0123456789abcdef"):
        raise ValueError("a frame begins with six lower-case hex digits")
    length = int(header, 16)
    if length == 0:
        raise ValueError("a frame ends in a newline, so it is never empty")
    return length


def decode(payload: bytes) -> Value:
    """Read the S-expression of a frame's payload; bytes that are no UTF-8 become U+DC80 to U+DCFF."""
    return loads(payload.decode("utf-8", "surrogateescape"))


def recover_uid(payload: bytes) -> int | None:
    """Find the call's number in a payload that cannot be read otherwise."""
    found = _UID.match(payload)
    return int(found[1]) if found else None


def _string(token: str) -> str:
    if len(token) < 2:
        raise ValueError("a string without its end")
    text = token[1:-1]
    if "\\" not in text:
        return text
    if "\\\\" not in text:
        plain = text.replace('\\"', '"')
        if "\\" not in plain:
            return plain
    # Splitting at pairs of backslashes leaves an odd one at the start of a part; usually it escapes a quote.
    parts = [part.replace('\\"', '"') if "\\" in part else part for part in text.split("\\\\")]
    if any("\\" in part for part in parts):
        return _ESCAPE.sub(_unescape, text)
    return "\\".join(parts)


def _unescape(match: re.Match[str]) -> str:
    octal, hexadecimal, short, long, single = match.groups()
    if octal is not None or hexadecimal is not None:
        code = int(octal, 8) if octal is not None else int(hexadecimal, 16)
        if code > 0x10FFFF:
            raise ValueError("no such character")
        return chr(0xDC00 + code) if 0x80 <= code <= 0xFF else chr(code)  # a raw byte, in Emacs as here
    if short is not None or long is not None:
        code = int(short or long, 16)
        if code > 0x10FFFF:
            raise ValueError("no such character")
        return chr(code)
    if single in "CMSHAxuUN^" and single not in _NAMED:
        raise ValueError(f"the escape \\{single} is not for strings on the wire")
    return _NAMED.get(single, single)


def _atom(word: str) -> Value:
    value = _read_atom(word)
    if len(_atoms) < MAX_ATOMS and len(word) < 64:
        _atoms[word] = value
    return value


def _read_atom(word: str) -> Value:
    if _INTEGER.fullmatch(word):
        return int(word.rstrip("."))
    if _FLOAT.fullmatch(word):
        return float(word)
    special = _NOT_FINITE.fullmatch(word)
    if special:
        return float(f"{special[1]}{special[2].lower()}")
    if word == ".":
        raise ValueError("a dotted pair")
    if _SYMBOL.fullmatch(word):
        return Symbol(word)
    raise ValueError("a character that stands for nothing here")

"""What YAML parsers say is wrong, in our words: what they met, and what to write instead."""

import re
import unicodedata
from collections.abc import Callable

import yaml

from pen_backend.errors import Finding

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def flow_question(listed: bool) -> str:
    """Say that a question mark must be quoted."""
    return f"'?' inside {'[...]' if listed else '{...}'} must be quoted: some YAML parsers refuse it"


def explain(error: yaml.YAMLError, text: str, at: Callable[[int], str], flow: int | None) -> Finding:
    """Say in our words what the parser met, and what to write instead; libyaml and the pure parser word it apart.

    AT writes a place in TEXT as FILE:LINE:COLUMN; FLOW is where the [...] or {...} begins that it was reading.
    """
    if not isinstance(error, yaml.MarkedYAMLError):
        return _unprintable(text, at)
    problem, context = error.problem or "it cannot be read", error.context or ""
    index = min(error.problem_mark.index if error.problem_mark else 0, len(text))
    begin = min(error.context_mark.index if error.context_mark else index, index)
    if "unknown escape" in problem:
        index = text.rfind("\\", begin, index + 1)
        return Finding("yaml", f"unknown escape {text[index:index + 2]} in double quotes", at(index),
                       "use single quotes, or double the backslash")
    if flow is not None and (found := _in_flow(text, at, flow, index, quoted="quoted" in context)):
        return found
    for place in (index, index - 1):
        if text[max(place, 0):place + 1] == "\t":
            return Finding("yaml", "a tab stands where YAML wants spaces", at(place),
                           "use spaces, or put the text in quotes")
    if "quoted scalar" in context and "end" in problem:
        return Finding("yaml", f"not valid YAML: {problem}", at(begin), "the quote is never closed")
    if "could not find expected ':'" in problem:  # noticed lines later; the context is where the odd line begins
        index = begin
    return Finding("yaml", f"not valid YAML: {problem}", at(index), _hint(problem, text, at, flow, index))


def _unprintable(text: str, at: Callable[[int], str]) -> Finding:
    """Name the first character that YAML takes in no text."""
    found = _UNPRINTABLE.search(text)
    index = found.start() if found else 0
    name = f"U+{ord(text[index]):04X}" if found else "a character"
    return Finding("yaml", f"{name} must not stand in YAML as it is", at(index),
                   'write it as an escape such as "\\x07"')


def _in_flow(text: str, at: Callable[[int], str], flow: int, index: int, *, quoted: bool) -> Finding | None:
    """Find what often goes wrong in the [...] or {...} that begins at FLOW: a comment's sign, a question mark."""
    comment = re.compile(r"(?<=[\s\[{,])#\S*").search(text, flow, index)
    if comment and not quoted:
        name = comment[0].rstrip(",]}")
        return Finding("hash-comment", f"{comment[0]} starts a comment, so the list never ends", at(comment.start()),
                       f"write '{name}'")
    if "?" in text[max(flow, index - 1):index + 1]:
        return Finding("flow-question", flow_question(text[flow] == "["), at(text.rfind("?", flow, index + 1)))
    return None


def _hint(problem: str, text: str, at: Callable[[int], str], flow: int | None, index: int) -> str | None:
    """Say what to write where the parser met PROBLEM at INDEX."""
    if flow is not None and problem.startswith("did not find expected ',' or"):
        line = at(flow).rsplit(":", 2)[1]
        return f"put a comma between items, and close the {text[flow]} of line {line}"
    if key := _text_above(text, index):
        return f"indent it like the first line of the text below `{key}`"
    if "mapping values are not allowed" in problem:
        return "put a text that holds ': ' in quotes"
    if "cannot start any token" in problem:
        sign = text[index:index + 1]
        name = f"'{sign}'" if sign.isprintable() and sign else unicodedata.name(sign, "this character")
        return f"a text cannot begin with {name}; put it in quotes"
    if "expected key" in problem or "block end" in problem:
        return "check the indentation, and put quotes around the whole text or nothing"
    if "could not find expected ':'" in problem:
        return "indent the line under what it belongs to, or put the whole text in quotes"
    return None


_BLOCK = re.compile(r"([ ]*)(\S[^\n]*:[ ]+[|>][-+0-9]*)[ ]*")


def _text_above(text: str, index: int) -> str | None:
    """Return the key of the block text (`prompt: |`) that ends just above the line of INDEX, if one does."""
    above = text[:text.rfind("\n", 0, index) + 1].splitlines()
    for line in reversed(above):
        found = _BLOCK.fullmatch(line)
        if found:
            return found[2]
        if line.strip() and not line.startswith(" "):
            return None
    return None

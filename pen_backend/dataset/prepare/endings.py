"""How texts begin and end alike, and which of their common endings is a separator."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain, count, takewhile

from pen_backend.dataset.boundary import without_end

PROMPT_ENDS = (" ->", "\n\n###\n\n", "\n\n===\n\n", "\n\n---\n\n", "\n\n===>\n\n", "\n\n--->\n\n")
LAST_PROMPT_END = "\n\n### =>\n\n"
COMPLETION_ENDS = ("\n", ".", " END", "***", "+++", "&&&", "$$$", "@@@", "%%%")
LAST_COMPLETION_END = " [END]"
_SYMBOLS = tuple(":>=#-|*")
_BLANKS = " \t"
_FIRST_WORD = re.compile(r"\w+")
_LAST_WORD = re.compile(r"\w+\Z")
_WORD = re.compile(r"\w")
_NEWLINE = re.compile(r"\r?\n")
_SIGNS = re.compile(r"[\n:>=#\-|*]+\Z")


def common_ending(texts: Sequence[str]) -> str:
    """Return what all texts end in, without a piece of a word."""
    found = _shared([text[::-1] for text in texts])[::-1]
    if (word := _FIRST_WORD.match(found)) and any(_WORD.match(text[-len(found) - 1:-len(found)]) for text in texts):
        found = found[word.end():]
    return found


def common_beginning(texts: Sequence[str]) -> str:
    """Return what all texts begin with, without a piece of a word."""
    found = _shared(texts)
    if (word := _LAST_WORD.search(found)) and any(_WORD.match(text, len(found)) for text in texts):
        found = found[:word.start()]
    return found


def separators(ending: str, listed: Iterable[str], *, symbols: bool = True, alone: bool = False) -> list[str]:
    """Return what in a common ending may be meant as a separator, the likeliest first; blanks at its end don't count.

    It holds a newline, is one of LISTED, or ends in a sign that leads on to something. A question mark, a full stop or
    a word is how people end a sentence. Of a text that stands ALONE, all of which is its ending, only signs count.
    """
    ending = ending.rstrip(_BLANKS)
    found = [max(known, key=len)] if (known := [one for one in listed if ending.endswith(one)]) else []
    if alone:
        found += _SIGNS.findall(ending)
    elif newline := _NEWLINE.search(ending):
        found.insert(0, ending[newline.start():])
    elif symbols and ending.endswith(_SYMBOLS):
        found.append(ending)
    return found


def prompt_end(prompts: Sequence[str]) -> str:
    """Choose a separator that is inside no prompt."""
    for option in PROMPT_ENDS:
        if option == " ->" and any("\n" in prompt for prompt in prompts):
            continue
        if not any(option in prompt for prompt in prompts):
            return option
    return LAST_PROMPT_END


def completion_end(completions: Sequence[str], other: str) -> str:
    """Choose an end that is inside no completion, and is not the OTHER end, the prompt's."""
    for option in chain((*COMPLETION_ENDS, LAST_COMPLETION_END), (f"\n[END {number}]" for number in count(1))):
        if option != other and not any(option in completion for completion in completions):
            return option
    raise AssertionError("there is always a further number")


def with_end(text: str, end: str) -> str:
    """Give a text an end, once."""
    return without_end(text, end) + end


def _shared(texts: Sequence[str]) -> str:
    """Return the longest beginning of all texts: what the first and the last of them in order share, all share."""
    first, last = min(texts), max(texts)
    return first[:len(list(takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))))]

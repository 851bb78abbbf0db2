"""Read back what a build has written: the texts of each row, without what the definition puts around them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import orjson

from pen_backend.dataset.examples import lists_of
from pen_backend.dataset.record import SYSTEM
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.forms import Piece

Values = Callable[[Sequence[str]], Sequence[tuple[str, str]]]


def rows(files: Iterable[Path], *, system: bool = False) -> Iterator[list[str]]:
    """Yield the texts of every row of JSONL files, in whichever format they were written; SYSTEM's too if wanted."""
    for file in files:
        with file.open("rb") as stream:
            for line in stream:
                row = orjson.loads(line)
                try:
                    yield row["data"]["text_list"]  # by far the most common
                except (KeyError, TypeError):
                    yield texts_of(row, system=system)


def texts_of(row: dict[str, object], *, system: bool = False) -> list[str]:
    """Return the texts of one row, without the answer to be avoided, and with SYSTEM's messages only if wanted."""
    match row:
        case {"data": {"text_list": [*texts]}}:
            return [str(text) for text in texts]
        case {"prompt": str(prompt), "completion": str(completion)}:
            return [prompt, completion]
        case {"prompt": str(prompt), "chosen": str(chosen)}:
            return [prompt, chosen]
        case {"messages": [*messages]}:
            return _contents(messages, system)
        case {"input": {"messages": [*messages]}, "preferred_output": [*preferred]}:
            return _contents([*messages, *preferred], system)
        case {"data": str(text)} | {"text": str(text)}:
            return [text]
    return []


def whole(texts: Sequence[str]) -> tuple[tuple[str, str]]:
    """Take a row as it is: nothing that is asked, and all of it."""
    return (("", " ".join(texts)),)


def values_of(definition: Definition, *, lists: bool) -> Values:
    """Return the function that takes the definition's own words out of a row's texts.

    It gives pairs of what is asked and all that is learned: one a row, or one for each item of LISTS.
    """
    around = [_literals(definition, piece) for piece in definition.pieces]
    joins = [variable.join for variable in lists_of(definition)] if lists else []
    asking = definition.asking

    def bare(texts: Sequence[str]) -> list[str]:
        if len(texts) != len(around):  # it came as it is
            return list(texts)
        return [_without(text, literals) if literals else text for text, literals in zip(texts, around, strict=True)]

    def row(texts: Sequence[str]) -> list[tuple[str, str]]:
        found = bare(texts)
        return [(" ".join(found[:asking]), " ".join(found))]

    def items(texts: Sequence[str]) -> list[tuple[str, str]]:
        return [(item, item) for text, join in zip(bare(texts), joins, strict=True)
                for item in text.split(join) if item]

    return items if lists else row


def _contents(messages: Sequence[object], system: bool) -> list[str]:
    return [str(message["content"] or "") for message in messages
            if isinstance(message, dict) and (system or message.get("role") not in SYSTEM)]


def _literals(definition: Definition, piece: Piece) -> tuple[str, ...]:
    """List the fixed texts of a piece in order, its boundary included, as far as there is anything to see in them."""
    form, chat = definition.format, piece.role is not None
    start = form.completion_start if piece.generate and piece.first and not chat else ""
    end = ((form.completion_end or "") if piece.generate else form.prompt_end) if piece.last and not chat else ""
    parts = [start, *(part if isinstance(part, str) else "" for part in piece.parts), end]
    return tuple(part.strip() for part in parts if part.strip())


def _without(text: str, literals: Sequence[str]) -> str:
    values, done = [], 0
    for literal in literals:
        place = text.find(literal, done)
        if place >= 0:
            values.append(text[done:place])
            done = place + len(literal)
    return "".join([*values, text[done:]])

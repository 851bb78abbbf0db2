"""Read back what a build has written: the texts of each row, without what the definition puts around them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from pen_backend.dataset.examples import lists_of
from pen_backend.dataset.record import SYSTEM
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.variables import Variable

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
    slots = _slots(definition)
    joins = [variable.join for variable in lists_of(definition)] if lists else []
    asking, classes = definition.asking, definition.class_map

    def bare(texts: Sequence[str]) -> list[str]:
        if len(texts) != len(slots):  # it came as it is
            return list(texts)
        found = [_values(text, each) if each else text for text, each in zip(texts, slots, strict=True)]
        if classes is not None and classes.encode_as == "number":  # near texts were looked for among the labels
            found[-1] = classes.decode(found[-1]) or found[-1]
        return found

    def row(texts: Sequence[str]) -> list[tuple[str, str]]:
        found = bare(texts)
        return [(" ".join(found[:asking]), " ".join(found))]

    def items(texts: Sequence[str]) -> list[tuple[str, str]]:
        if len(texts) != len(joins):
            return row(texts)
        return [(item, item) for text, join in zip(bare(texts), joins, strict=True)
                for item in text.split(join) if item]

    return items if lists else row


def _contents(messages: Sequence[object], system: bool) -> list[str]:
    return [str(message["content"] or "") for message in messages
            if isinstance(message, dict) and (system or message.get("role") not in SYSTEM)]


@dataclass(frozen=True, slots=True)
class _Slot:
    """A value's place in a text: the fixed text behind it, which may end the whole, and what is no news there."""

    after: str
    ends: bool
    told: bool  # all of its variables stand in an earlier place, too
    default: str | None


def _slots(definition: Definition) -> list[list[_Slot]]:
    """List the places of values in each piece; nothing for a piece that is its values and no more."""
    form, seen = definition.format, set[str]()
    found = []
    for piece in definition.pieces:
        chat = piece.role is not None
        start = form.completion_start if piece.generate and piece.first and not chat else ""
        end = ((form.completion_end or "") if piece.generate else form.prompt_end) if piece.last and not chat else ""
        places: list[tuple[list[Variable], str]] = [([], "")]
        for part in (start, *piece.parts, end):
            if not isinstance(part, str):
                places[-1][0].append(part)
            elif part.strip():
                places[-1] = (places[-1][0], part.strip())
                places.append(([], ""))
        slots = []
        for number, (values, after) in enumerate(places[:-1] if len(places) > 1 and not places[-1][0] else places):
            told = bool(values) and all(value.name in seen for value in values)
            default = values[0].default if len(values) == 1 else None
            seen.update(value.name for value in values)
            slots.append(_Slot(after, number + 2 == len(places) and not places[-1][0], told,
                               default if isinstance(default, str) else None))
        plain = len(slots) == 1 and not slots[0].after and not slots[0].told and slots[0].default is None
        found.append([] if plain else slots)
    return found


def _values(text: str, slots: Sequence[_Slot]) -> str:
    """Return the values in a text, without what is told elsewhere or is a default."""
    values, done = [], 0
    for slot in slots:
        place = (len(text) if not slot.after else text.rfind(slot.after, done) if slot.ends
                 else text.find(slot.after, done))
        if place >= 0:
            value = text[done:place]
            if not slot.told and value.strip() != slot.default:
                values.append(value)
            done = place + len(slot.after)
    return " ".join([*values, text[done:]]).strip()

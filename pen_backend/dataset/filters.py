"""Keep the records that fit: ranges of characters, words and tokens, words to avoid, comparisons of fields."""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pen_backend.errors import DataError
from pen_backend.prompts.sources import Condition
from pen_backend.prompts.training import Filter
from pen_backend.tokens import Encoder

_WORD = re.compile(r"\w+")


def refusal(spec: Filter, encoder: Encoder, base: Path) -> Callable[[str, Mapping[str, object]], str | None]:
    """Return the function that says why a text with its fields is dropped, or None."""
    avoided = _words(base / spec.words_file) if spec.words_file else frozenset()
    measures: list[tuple[str, tuple[float, float], Callable[[str], int]]] = []
    if spec.chars:
        measures.append(("characters", spec.chars, len))
    if spec.words:
        measures.append(("words", spec.words, lambda text: len(text.split())))
    if spec.tokens:
        measures.append(("tokens", spec.tokens, encoder.count))

    def why(text: str, fields: Mapping[str, object]) -> str | None:
        for name, (low, high), measure in measures:
            if not low <= (number := measure(text)) <= high:
                return f"the text has {number} {name}; {low:g} to {high:g} are kept"
        if avoided and not avoided.isdisjoint(_WORD.findall(text.casefold())):
            return "the text has a word of words-file"
        if spec.script == "latin" and not _is_latin(text):
            return "the text is not in Latin script"
        return failed(spec.where, fields)

    return why


def failed(where: Mapping[str, Condition], fields: Mapping[str, object]) -> str | None:
    """Say which condition on a column a record does not meet, or None."""
    for column, condition in where.items():
        value = fields.get(column)
        if condition.exists is not None and (value is not None) != condition.exists:
            return f"{column} {'is missing' if condition.exists else 'exists'}"
        if condition.in_ is not None and value not in condition.in_:
            return f"{column} is not in its list"
        if condition.not_ is not None and value in condition.not_:
            return f"{column} is in its list of values to drop"
        if condition.regex is not None and not (isinstance(value, str) and re.search(condition.regex, value)):
            return f"{column} does not match its pattern"
        if condition.min is not None or condition.max is not None:
            number = number_in(value)
            if number is None:
                return f"{column} is no number"
            if condition.min is not None and number < condition.min:
                return f"{column} is below {condition.min}"
            if condition.max is not None and number > condition.max:
                return f"{column} is above {condition.max}"
    return None


def number_in(value: object) -> float | None:
    """Read a field as a number, also one that a table has as text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf if isinstance(value, int) and value > 0 else -math.inf
    return None if math.isnan(number) else number


def _is_latin(text: str) -> bool:
    """Say whether at least nine letters in ten are Latin."""
    letters = [sign for sign in text if sign.isalpha()]
    return sum(sign < "\u0250" for sign in letters) >= 0.9 * len(letters)


def _words(path: Path) -> frozenset[str]:
    try:
        return frozenset(path.read_text(encoding="utf-8").casefold().split())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"words-file {path.name} cannot be read: {error}") from error

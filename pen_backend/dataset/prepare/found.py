"""What a check finds in rows, and what mends them; what all checks keep to."""

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Literal

from pen_backend.dataset.prepare.prepared import Sample
from pen_backend.errors import Level
from pen_backend.words import count

Fix = Literal["necessary", "recommended"]


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt and its completion: the number of its record, which is its name, and the line it stands on."""

    number: int
    line: int
    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found in rows as they stand, and the function that mends them."""

    id: int | None
    code: str
    message: str
    level: Level = "warning"
    rows: tuple[int, ...] = ()
    fix: Fix | None = None
    remedy: str | None = None
    mend: Callable[[Sequence[Row]], list[Row]] | None = None
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where prompt and completion begin and end: a definition's `format:`, or what was found to be one.

    KEEP_START and KEEP_END say that white space at the ends of completions is meant.
    """

    prompt_end: str
    completion_start: str
    completion_end: str
    keep_start: bool = False
    keep_end: bool = False


@dataclass(frozen=True, slots=True)
class Length:
    """How long a row may be: in TOKENS (None: as prepare_data has it), without a vocabulary (COUNT) in CHARACTERS."""

    tokens: int | None = None
    count: Callable[[str], int] | None = None
    characters: int = 10_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What a preparation is to keep to: a definition's boundary, a length, and recommendations that were DECLINED.

    LABELLED says that the rows are one side of a classification, though they may be too few to look like one.
    """

    declined: frozenset[int] = frozenset()
    boundary: Boundary | None = None
    length: Length = Length()
    labelled: bool = False


def few_or_many(things: Sized, noun: str, verb: str, verbs: str) -> str:
    """Begin a sentence: 1 row has, 2 rows have."""
    return f"{count(len(things), noun)} {verb if len(things) == 1 else verbs}"


def dropping(things: Sized) -> str:
    """Say what a remedy does with rows that are of no use."""
    return "drop it" if len(things) == 1 else "drop them"

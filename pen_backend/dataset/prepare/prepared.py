"""What a preparation tells: what each check found, and what was written; it crosses the link as it is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Task = Literal["open-ended", "conditional", "classification", "chat", "preference"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A text before and after a remedy."""

    line: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PrepareFinding:
    """What one check found; ID is its number, 1 to 15, or None where prepare_data had no such check.

    ROWS are the lines of the rows concerned, empty if that is the whole file; POINTER leads to the wrong part of one.
    FIX says whether the REMEDY is a recommendation or taken in any case; APPLIED, whether it is taken.
    """

    id: int | None
    code: str
    level: Literal["error", "warning", "note"]
    message: str
    where: str
    rows: list[int] = field(default_factory=list)
    fix: Literal["necessary", "recommended"] | None = None
    remedy: str | None = None
    applied: bool = False
    samples: list[Sample] = field(default_factory=list)
    pointer: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedFormat:
    """The boundary of the prepared rows, as in the `format:` of a definition."""

    prompt_end: str
    completion_start: str
    completion_end: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """The end of a preparation, or a look ahead at it.

    OK is false if an error was found: then nothing is written. READ counts the file's records, ROWS those that are
    kept, VALID those of them that are held out. FILES, and the definition at PROMPT_PATH, were WRITTEN, or would be;
    there are no files where the file can be used as it is. SPLIT says that holding rows out is offered. OPTIONS are
    what a job that measures classes is told.
    """

    ok: bool
    file: str
    kind: Task | None
    summary: str
    read: int
    rows: int
    findings: list[PrepareFinding]
    format: PreparedFormat | None
    classes: int
    options: str | None
    split: bool
    valid: int
    files: list[Path]
    prompt_path: Path | None
    written: bool
    command: str | None
    table: str

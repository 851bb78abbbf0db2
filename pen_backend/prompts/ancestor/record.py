"""What a definition keeps of the older file that it was read from."""

from dataclasses import dataclass

from pen_backend.errors import Finding
from pen_backend.prompts.filters import Filter


@dataclass(frozen=True, slots=True)
class Ancestor:
    """What the schema has no key for, and the mark of a prompt that is filled as pen.el filled it.

    `refused` are its filters that pen does not run, `collation` those of joined results, `pretext` the template of what
    begins an answer, `engine` what the file calls its model.
    """

    refused: tuple[Finding, ...] = ()
    collation: tuple[Filter, ...] = ()
    pretext: str = ""
    engine: str | None = None

"""One older file: its values as texts, and what is odd about them."""

from dataclasses import dataclass, field
from typing import Any

from pen_backend.errors import Finding, Level
from pen_backend.prompts.ancestor.filters import Refusal, translate
from pen_backend.prompts.filters import Filter
from pen_backend.prompts.schema import named
from pen_backend.prompts.yaml import Document, Path, comment_at, comment_index


@dataclass(slots=True)
class OldFile:
    """A file's values, the warnings about them, and the filters among them that are refused."""

    document: Document
    keys: dict[str, Any]
    findings: list[Finding] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)

    def value(self, path: Path) -> object:
        """Return the value at PATH; None if there is none."""
        value: Any = self.keys
        for step in path:
            if isinstance(value, dict):
                value = value.get(str(step))
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        found: object = value
        return found

    def text(self, path: Path) -> str | None:
        """Return the value at PATH as it is written (1.10 is not 1.1); None if there is none, or it is no text."""
        value = self.value(path)
        if isinstance(value, bool | int | float):
            return self.document.written(path) or str(value)
        return value if isinstance(value, str) else None

    def texts(self, path: Path) -> list[str]:
        """Return the texts of the list at PATH, without those that are none; one text is a list of one."""
        value = self.value(path)
        if not isinstance(value, list):
            text = self.text(path)
            return [] if text is None else [text]
        found = [(index, self.text((*path, index))) for index in range(len(value))]
        for index, text in found:
            if text is None:
                self.left_out((*path, index))
        return [text for _, text in found if text is not None]

    def left_out(self, path: Path) -> None:
        """Say that an item of a list is no text; `- ###` is an empty item."""
        comment = comment_at(self.document, path)
        if comment is None:
            self.note(f"{named(path)} is no text; it is not used", path)
            return
        self.findings.append(Finding(
            "hash-comment", f"{named(path)} is empty because {comment} starts a comment",
            self.document.at(comment_index(self.document, path)), f"write '{comment}'", "warning"))

    def filters(self, path: Path) -> tuple[Filter, ...]:
        """Translate the filters at PATH; those that pen does not run are none, and refused when the prompt is run."""
        value = self.value(path)
        found = () if value is None else translate(value)
        if not isinstance(found, Refusal):
            return found
        self.note(f"{named(path)}: {found.message}", path, found.hint, code="filter-refused")
        self.refused.append(self.findings[-1])
        return ()

    def note(self, message: str, path: Path, hint: str | None = None, *, code: str = "type", level: Level = "warning",
             part: str | None = None, at_key: bool = False) -> None:
        """Remember a warning about the value at PATH, or about its key, or about a PART of its text."""
        where = self.document.within(path, part) if part else self.document.where(path, key=at_key)
        self.findings.append(Finding(code, message, where, hint, level))

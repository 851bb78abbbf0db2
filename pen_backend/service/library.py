"""The definitions that can be found from one place: those of a project, the user's own, those that come with pen.

Light at import: the rooms that read definitions are imported by the method that uses them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pen_backend.errors import PromptError

if TYPE_CHECKING:
    from pen_backend.prompts.dataset import DatasetSpec
    from pen_backend.prompts.definition import Definition

Origin = Literal["project", "user", "pen", "file"]
FOLDER = "prompts"  # of a project: where its definitions are


@dataclass(frozen=True, slots=True)
class Library:
    """Where definitions are looked for, first PROJECT, then OWN, then pen; cheap to make and shared by no caller."""

    project: Path | None
    own: Path

    @property
    def folder(self) -> Path | None:
        """The directory of the project's definitions, whether or not it exists; None without a project."""
        return self.project / FOLDER if self.project else None

    def prompt(self, name: str) -> Definition:
        """Find a definition by name, alias or path; PromptError or NotFoundError say what is wrong."""
        from pen_backend.prompts import library

        return library.find(name, project=self.folder, config_dir=self.own)

    def training(self, name: str) -> Definition:
        """Find what a training set is built by: a prompt, or a `kind: dataset` file with the prompt it names."""
        from pen_backend.prompts import library

        return library.find_training(name, project=self.folder, config_dir=self.own)

    def any(self, name: str) -> Definition | DatasetSpec:
        """Find a prompt or a training set of its own by name, alias or path."""
        from pen_backend.prompts import library

        return library.find_any(name, self.directories())

    def directories(self) -> list[Path]:
        """List the directories of definitions that exist, the ones that win first."""
        from pen_backend.prompts import library

        return list(library.directories(self.folder, self.own, None))

    def prompts(self) -> list[Definition | PromptError]:
        """List all prompts, first hit by slug; a broken file is its error."""
        from pen_backend.prompts import library

        return library.definitions(project=self.folder, config_dir=self.own)

    def everything(self) -> list[Definition | DatasetSpec | PromptError]:
        """List all prompts and all training sets of their own, first hit by slug; a broken file is its error."""
        from pen_backend.prompts import library

        return library.everything(project=self.folder, config_dir=self.own)

    def origin(self, path: Path | None) -> Origin:
        """Say where a definition in the file PATH comes from; `file` means that only its path leads to it."""
        from pen_backend import config

        origins: dict[Path | None, Origin] = {config.builtin_prompts(): "pen", self.own: "user"}
        if self.folder is not None:
            origins[self.folder] = "project"
        return origins.get(path.parent, "file") if path is not None else "file"

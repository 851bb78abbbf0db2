"""The keys of a `kind: dataset` file: a training set of its own, whose texts come from the prompt it names."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path as FilePath
from typing import Annotated, Literal

from pydantic import PrivateAttr

from pen_backend.errors import Finding
from pen_backend.prompts import forms, training
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.schema import Expect, Name, Problem, Slug, Text
from pen_backend.prompts.training import TrainingSpec
from pen_backend.prompts.yaml import Document


class DatasetSpec(TrainingSpec):
    """A training set by itself: the keys of `training:` at the top, and the name of its prompt."""

    pen: Annotated[Literal[1], Expect("1, the schema's version")]
    kind: Annotated[Literal["dataset"], Expect("prompt or dataset")]
    name: Slug
    description: Text = ""
    prompt: Name

    _document: Document = PrivateAttr(default_factory=lambda: Document("dataset"))
    _path: FilePath | None = PrivateAttr(default=None)
    _findings: tuple[Finding, ...] = PrivateAttr(default=())
    _prompt: Definition | None = PrivateAttr(default=None)

    @property
    def path(self) -> FilePath | None:
        """The file it was read from."""
        return self._path

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Warnings of lint; a file with errors is no training set."""
        return self._findings

    @property
    def slug(self) -> str:
        """Its name: prompts and training sets are found by one name each."""
        return self.name

    @cached_property
    def training(self) -> TrainingSpec:
        """The `training:` block it stands for."""
        fields = TrainingSpec.model_fields
        return TrainingSpec.model_construct(self.model_fields_set & fields.keys(),
                                            **{name: getattr(self, name) for name in fields})

    @property
    def definition(self) -> Definition:
        """The prompt it names, trained by it: its texts and format, this file's sources and steps."""
        if self._prompt is None:
            raise ValueError("a training set that was not read by the loader has no prompt")
        return self._prompt.trained_by(self.training, self.name, self._document, self._path)

    def where(self, *path: str | int) -> str:
        """Say where a key's value stands, as FILE:LINE:COLUMN: `where("split", "valid")`."""
        return self._document.where(path)


def problems(spec: DatasetSpec, prompt: Definition | None) -> Iterator[Problem]:
    """Check what needs more than one key of the file, and what its PROMPT must have; None is one that is missing."""
    if prompt is None:
        yield from training.problems(spec, None, None, around=())
        return
    yield from training.problems(spec, tuple(one.name for one in prompt.vars), len(prompt.pieces), around=())
    if not prompt.is_trainable:
        yield Problem("missing-key", ("prompt",), f"prompt '{prompt.name}' has no completion template to train on",
                      forms.completion_hint(prompt.segments, prompt.messages))
    elif prompt.messages is None and prompt.format.completion_end is None:
        yield Problem("no-end", ("prompt",), f"prompt '{prompt.name}' has no format.completion-end: without it the "
                      "tuned model cannot know where to stop", 'add `completion-end: "\\n"` to its format')

"""The keys of a `pen: 1` file, as one frozen record."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr

from pen_backend.errors import Finding, RefusedError
from pen_backend.prompts import classes, placeholders
from pen_backend.prompts.ancestor.record import Ancestor
from pen_backend.prompts.classes import Classes, ClassMap
from pen_backend.prompts.evaluation import EvaluationSpec, PromptTest
from pen_backend.prompts.filters import Filters
from pen_backend.prompts.forms import Format, Message, Piece, Segment, with_runs
from pen_backend.prompts.placeholders import Parts
from pen_backend.prompts.schema import Count, Expect, Flag, Many, Model, Name, Number, Slug, Text
from pen_backend.prompts.training import TrainingSpec
from pen_backend.prompts.variables import Variable, by_reference, slug
from pen_backend.prompts.yaml import Document

Literally = Annotated[str, Field(pattern="^<[^<>\\n]{1,60}>$"), Expect("a placeholder's text such as '<joke>'")]
Length = Annotated[Annotated[int, Field(ge=1)] | str, Expect("a whole number above 0, or a template")]
Penalty = Annotated[float, Number(-2, 2)]


class Definition(Model):
    """One prompt: what the model reads, what it writes, how both meet, and how it is trained."""

    pen: Annotated[Literal[1], Expect("1, the schema's version")]
    title: Annotated[str, Field(min_length=1, max_length=80), Expect("a title of 1 to 80 signs")]
    own_name: Slug | None = Field(default=None, alias="name")
    aliases: Many[Slug] = ()
    kind: Annotated[Literal["prompt"], Expect("prompt or dataset")] = "prompt"
    description: Text = ""
    prompt_version: Count = 1
    include: Name | None = None
    in_development: Flag = False
    meta: dict[str, Any] = Field(default_factory=dict)
    prompt: Text | None = None
    completion: Text | None = None
    messages: Many[Message] | None = None
    segments: Many[Segment] | None = None
    vars: Many[Variable] = ()
    literals: Many[Literally] = ()
    format: Format = Format()
    classes: Classes | None = None
    model: Name | None = None
    temperature: Annotated[float, Number(0, 2)] | None = None
    top_p: Annotated[float, Number(0, 1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    seed: Annotated[int, Number(0, 2147483647, whole=True)] | None = None
    max_tokens: Length | None = None
    n_completions: Annotated[int, Number(1, 128, whole=True)] = 1
    best_of: Annotated[int, Number(1, 20, whole=True)] | None = None
    n_collate: Count = 1
    stop_sequences: Many[Name] = ()
    insertion: Flag = False
    filter: Flag = False
    completion_at_point: Flag = False
    conversation_mode: Flag = False
    cache: Flag = False
    repeater: Text | None = None
    no_trim_start: Flag = False
    no_trim_end: Flag = False
    prompt_filter: Filters = ()
    postprocessor: Filters = ()
    training: TrainingSpec | None = None
    evaluation: EvaluationSpec | None = None
    tests: Many[PromptTest] = ()

    _document: Document = PrivateAttr(default_factory=lambda: Document("definition"))
    _path: FilePath | None = PrivateAttr(default=None)
    _findings: tuple[Finding, ...] = PrivateAttr(default=())
    _set: tuple[str, Document, FilePath | None] | None = PrivateAttr(default=None)
    _class_map: tuple[ClassMap | None] | None = PrivateAttr(default=None)
    _ancestor: Ancestor | None = PrivateAttr(default=None)
    _slug: str | None = PrivateAttr(default=None)
    _beginning: str = PrivateAttr(default="")
    _spare_end: str = PrivateAttr(default="")

    @property
    def path(self) -> FilePath | None:
        """The file it was read from."""
        return self._path

    @property
    def directory(self) -> FilePath:
        """What relative paths of its own `training:` are relative to."""
        path = self._path if self._set is None else self._set[2]
        return path.parent if path else FilePath()

    @property
    def project(self) -> FilePath:
        """What it may not write out of: its directory, or the one that holds `prompts/`."""
        return _project(self.directory)

    def directory_of(self, *path: str | int) -> FilePath:
        """Say what a relative path is relative to that stands below a key: the file it stands in, also an included one.

        >>> Definition(pen=1, title="Puns", prompt="x").directory_of("training", "sources")
        PosixPath('.')
        """
        if self._set is not None and path[:1] == ("training",):
            return self.directory
        owner = self._document.owner(path)
        return self.base if owner is self._document else FilePath(owner.file).parent

    def project_of(self, *path: str | int) -> FilePath:
        """Say what a relative path below a key may not lead out of: the project of the file it stands in."""
        return _project(self.directory_of(*path))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Warnings of lint; a file with errors is no definition."""
        return self._findings

    @property
    def slug(self) -> str:
        """The title in `[a-z0-9-]`, which names the command `pf-SLUG/N`; its name if the title has no such letters."""
        return self._slug or slug(self.title) or self.own_name or ""

    @property
    def ancestor(self) -> Ancestor | None:
        """What is left of the file of pen.el that it was read from; None if it was read from a `pen: 1` file."""
        return self._ancestor

    @property
    def refused(self) -> tuple[Finding, ...]:
        """Its filters that pen does not run: while there are any, it is only run without filters."""
        return self._ancestor.refused if self._ancestor is not None else ()

    @property
    def beginning(self) -> str:
        """What every answer begins with before the model has written anything; only older files have it."""
        return self._beginning

    @property
    def spare_end(self) -> str:
        """What an answer loses where it is written last, although nothing stops there."""
        return self._spare_end

    @property
    def name(self) -> str:
        """The name others use: a dataset's `prompt:`, a job's `pen.prompt`."""
        return self.own_name or self.slug

    @property
    def set_name(self) -> str:
        """The name of what it is trained by: the `kind: dataset` file, if it is one, else its own."""
        return self.name if self._set is None else self._set[0]

    @property
    def arity(self) -> int:
        """How many values a completion needs: N of `pf-SLUG/N`."""
        return len(self.asked)

    @property
    def is_trainable(self) -> bool:
        """Say whether there is a text that the model is to write."""
        return any(piece.generate for piece in self.pieces)

    @cached_property
    def references(self) -> dict[str, Variable]:
        """What may stand in a placeholder."""
        return by_reference(self.vars)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Its texts in order, whichever form they were written in."""
        if self.messages is not None:
            last = len(self.messages) - 1
            return with_runs([Piece(("messages", index, "content"), self.split(one.content),
                                    index == last and one.role == "assistant", one.role)
                              for index, one in enumerate(self.messages)])
        if self.segments is not None:
            return with_runs([Piece(("segments", index, "text"), self.split(one.text), one.generate, None, one.weight)
                              for index, one in enumerate(self.segments)])
        pieces = [Piece(("prompt",), self.split(self.prompt or ""), generate=False)]
        if self.completion is not None:
            pieces.append(Piece(("completion",), self.split(self.completion), generate=True))
        return with_runs(pieces)

    @cached_property
    def asking(self) -> int:
        """How many of its pieces are read before the model first writes."""
        return next((index for index, piece in enumerate(self.pieces) if piece.generate), len(self.pieces))

    @cached_property
    def prompt_parts(self) -> Parts:
        """What is read before the model first writes, split."""
        return tuple(part for piece in self.pieces[:self.asking] for part in piece.parts)

    @cached_property
    def completion_parts(self) -> Parts:
        """All from where the model first writes, split; empty if it never does."""
        return tuple(part for piece in self.pieces[self.asking:] for part in piece.parts)

    @cached_property
    def max_tokens_parts(self) -> Parts:
        """The `max-tokens` template, split; empty if it is a number."""
        return self.split(self.max_tokens) if isinstance(self.max_tokens, str) else ()

    @cached_property
    def said(self) -> Variable | None:
        """The variable that each turn of a conversation gives anew: the last that the prompt uses."""
        used = placeholders.used(self.prompt_parts)
        return next((variable for variable in reversed(self.vars) if variable in used), None)

    @cached_property
    def repeater_parts(self) -> Parts:
        """What each turn of a conversation adds, split: the repeater with `said` for `{}`, or `said` alone."""
        if self.said is None:
            return ()
        parts: list[str | Variable] = []
        for part in self.split("{}" if self.repeater is None else self.repeater):
            between = part.split("{}") if isinstance(part, str) else [part]
            parts += [one for piece in between for one in (self.said, piece)][1:]
        return tuple(part for part in parts if part != "")

    @cached_property
    def class_map(self) -> ClassMap | None:
        """The labels and their texts, `labels-file` read; None without `classes:`."""
        if self.classes is None or not self.vars:
            return None
        if self._class_map is not None:
            return self._class_map[0]
        key = ("classes", "labels-file")
        if (path := self.labels_path) is not None and not path.resolve().is_relative_to(self.project_of(*key)):
            raise RefusedError(f"{self.name} would read {path}, which is outside of {self.project_of(*key)}.",
                               where=self.where(*key), hint="Keep the labels beside the definition.")
        return classes.class_map(self.classes, self.vars, self.directory_of(*key))

    @property
    def labels_path(self) -> FilePath | None:
        """The file of `classes.labels-file`, relative to the file that names it."""
        name = self.classes.labels_file if self.classes is not None else None
        return None if name is None else self.directory_of("classes", "labels-file") / name

    @property
    def base(self) -> FilePath:
        """The directory of the definition itself."""
        return self._path.parent if self._path else FilePath()

    @cached_property
    def asked(self) -> tuple[Variable, ...]:
        """The variables a completion needs values for: those of the prompt and of `max-tokens`, in order of `vars`."""
        used = {variable.name for variable in placeholders.used(self.prompt_parts + self.max_tokens_parts)}
        return tuple(variable for variable in self.vars if variable.name in used)

    def split(self, template: str) -> Parts:
        """Split one of its templates."""
        return placeholders.split(template, self.references, self.literals)

    def with_classes(self, class_map: ClassMap | None) -> Self:
        """Return the same definition with another map than its own: one that has grown, or a tuned model's."""
        changed = self.model_copy()
        changed.__dict__.pop("class_map", None)
        changed._class_map = (class_map,)
        return changed

    def trained_by(self, training: TrainingSpec, name: str, document: Document, path: FilePath | None) -> Self:
        """Return the same prompt trained by a `kind: dataset` file instead of its own `training:`."""
        changed = self.model_copy(update={"training": training})
        changed._set = (name, document, path)
        return changed

    def called(self, name: str, why: str) -> Self:
        """Return the same definition under another slug, with a warning that says WHY."""
        changed = self.warned(Finding("slug-clash", why, self.where("title"), level="warning"))
        changed._slug = name
        return changed

    def warned(self, *findings: Finding) -> Self:
        """Return the same definition with more findings of lint."""
        changed = self.model_copy()
        changed._findings = (*self._findings, *findings)
        return changed

    def begun(self, beginning: str) -> Self:
        """Return the same definition with answers that begin with a text."""
        changed = self.model_copy()
        changed._beginning = beginning
        return changed

    def without_filters(self) -> Self:
        """Return the same definition for raw texts: nothing is filtered on the way in or out, so nothing is refused."""
        plain = tuple(one.model_copy(update={"preprocessor": ()}) for one in self.vars)
        changed = self.model_copy(update={"vars": plain, "prompt_filter": (), "postprocessor": ()})
        for name in [name for name in changed.__dict__ if name not in type(self).model_fields]:
            del changed.__dict__[name]  # what was derived from the variables with filters
        if self._ancestor is not None:
            changed._ancestor = replace(self._ancestor, refused=(), collation=())
        return changed

    def stopping_at(self, stop: Sequence[str]) -> Self:
        """Return the same definition with other stop sequences; the completion's own end stays."""
        return self.model_copy(update={"stop_sequences": tuple(stop)})

    def without_stops(self) -> Self:
        """Return the same definition for answers that only end where the model ends or runs out of tokens.

        The completion's end is then text like any other, but no part of the answer where a model wrote it last.
        """
        form = self.format.model_copy(update={"completion_end": None})
        changed = self.model_copy(update={"stop_sequences": (), "format": form})
        end = self.format.completion_end or ""
        changed._spare_end = end if self.no_trim_end else end.strip()
        return changed

    def where(self, *path: str | int) -> str:
        """Say where a key's value stands, as FILE:LINE:COLUMN: `where("format", "prompt-end")`."""
        if self._set is not None and path[:1] == ("training",):
            return self._set[1].where(path[1:])
        return self._document.where(path)


def _project(directory: FilePath) -> FilePath:
    directory = directory.resolve()
    return directory.parent if directory.name == "prompts" else directory

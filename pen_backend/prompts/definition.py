"""The keys of a `pen: 1` file, as one frozen record."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from pen_backend.errors import Finding
from pen_backend.prompts import placeholders
from pen_backend.prompts.evaluation import EvaluationSpec, PromptTest
from pen_backend.prompts.placeholders import Parts
from pen_backend.prompts.schema import Count, Expect, Flag, Many, Model, Name, Number, Slug, Text
from pen_backend.prompts.training import TrainingSpec
from pen_backend.prompts.variables import Variable, by_reference, slug
from pen_backend.prompts.yaml import Document

Literally = Annotated[str, Field(pattern="^<[^<>\\n]{1,60}>$"), Expect("a placeholder's text such as '<joke>'")]
Length = Annotated[Annotated[int, Field(ge=1)] | str, Expect("a whole number above 0, or a template")]
Penalty = Annotated[float, Number(-2, 2)]


class Format(Model):
    """The boundary between prompt and completion, written once."""

    prompt_end: Text = ""
    completion_start: Text = ""
    completion_end: Name | None = None


class Definition(Model):
    """One prompt: what the model reads, what it writes, how both meet, and how it is trained."""

    LATER: ClassVar[Mapping[str, str]] = {
        "include": "inheriting from another definition", "messages": "the chat form", "segments": "more than two texts",
        "classes": "labels", "repeater": "the text of a turn", "prompt-filter": "filters of the prompt",
        "postprocessor": "filters of the answer",
    }

    pen: Annotated[Literal[1], Expect("1, the schema's version")]
    title: Annotated[str, Field(min_length=1, max_length=80), Expect("a title of 1 to 80 signs")]
    own_name: Slug | None = Field(default=None, alias="name")
    aliases: Many[Slug] = ()
    kind: Literal["prompt"] = "prompt"
    description: Text = ""
    prompt_version: Count = 1
    in_development: Flag = False
    meta: dict[str, Any] = Field(default_factory=dict)
    prompt: Text
    completion: Text | None = None
    vars: Many[Variable] = ()
    literals: Many[Literally] = ()
    format: Format = Format()
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
    no_trim_start: Flag = False
    no_trim_end: Flag = False
    training: TrainingSpec | None = None
    evaluation: EvaluationSpec | None = None
    tests: Many[PromptTest] = ()

    _document: Document = PrivateAttr(default_factory=lambda: Document("definition"))
    _path: FilePath | None = PrivateAttr(default=None)
    _findings: tuple[Finding, ...] = PrivateAttr(default=())

    @property
    def path(self) -> FilePath | None:
        """The file it was read from."""
        return self._path

    @property
    def directory(self) -> FilePath:
        """What relative paths of its `training:` are relative to."""
        return self._path.parent if self._path else FilePath()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Warnings of lint; a file with errors is no definition."""
        return self._findings

    @property
    def slug(self) -> str:
        """The title in `[a-z0-9-]`, which names the command `pf-SLUG/N`."""
        return slug(self.title)

    @property
    def name(self) -> str:
        """The name others use: a dataset's `prompt:`, a job's `pen.prompt`."""
        return self.own_name or self.slug

    @property
    def arity(self) -> int:
        """How many values a completion needs: N of `pf-SLUG/N`."""
        return len(self.asked)

    @cached_property
    def references(self) -> dict[str, Variable]:
        """What may stand in a placeholder."""
        return by_reference(self.vars)

    @cached_property
    def prompt_parts(self) -> Parts:
        """The prompt, split."""
        return self.split(self.prompt)

    @cached_property
    def completion_parts(self) -> Parts:
        """The completion, split; empty without one."""
        return self.split(self.completion or "")

    @cached_property
    def max_tokens_parts(self) -> Parts:
        """The `max-tokens` template, split; empty if it is a number."""
        return self.split(self.max_tokens) if isinstance(self.max_tokens, str) else ()

    @cached_property
    def asked(self) -> tuple[Variable, ...]:
        """The variables a completion needs values for: those of the prompt and of `max-tokens`, in order of `vars`."""
        used = {variable.name for variable in placeholders.used(self.prompt_parts + self.max_tokens_parts)}
        return tuple(variable for variable in self.vars if variable.name in used)

    def split(self, template: str) -> Parts:
        """Split one of its templates."""
        return placeholders.split(template, self.references, self.literals)

    def where(self, *path: str | int) -> str:
        """Say where a key's value stands, as FILE:LINE:COLUMN: `where("format", "prompt-end")`."""
        return self._document.where(path)


def hashed(definition: Definition) -> dict[str, object]:
    """Collect what decides how texts are rendered; nothing else may change the format hash.

    Keys that this version does not read yet are there already, empty, so that reading them changes no hash.
    """
    return {
        "prompt": definition.prompt,
        "completion": definition.completion,
        "messages": None,
        "segments": None,
        "format": {"prompt-end": definition.format.prompt_end, "completion-start": definition.format.completion_start,
                   "completion-end": definition.format.completion_end},
        "literals": list(definition.literals),
        "repeater": None,
        "no-trim-start": definition.no_trim_start,
        "no-trim-end": definition.no_trim_end,
        "classes": None,
        "prompt-filter": [],
        "vars": [{"name": variable.name, "type": variable.type, "join": variable.join,
                  "choices": None if variable.choices is None else list(variable.choices), "preprocessor": []}
                 for variable in definition.vars],
    }


def format_hash(definition: Definition) -> str:
    """Hash how texts are rendered: sha256 of canonical JSON. Sampling, training and words for people don't count."""
    canonical = json.dumps(hashed(definition), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()

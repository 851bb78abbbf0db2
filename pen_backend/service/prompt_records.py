"""What is said of prompt definitions: each as one line of a list, as all that there is to it, and as it is rendered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pen_backend.service.library import Origin
from pen_backend.service.trainings import TrainingDetail


@dataclass(frozen=True, slots=True)
class VariableSummary:
    """One variable: its type, where Emacs takes it from (None: the user is asked), and texts it has when nobody says.

    `example` is shown and never sent by itself, `default` is sent. `choices` are all there are, none for other types;
    `join` stands between the items of a list.
    """

    name: str
    type: str
    source: str | None
    description: str
    example: str | None
    default: str | None
    choices: list[str]
    join: str


@dataclass(frozen=True, slots=True)
class PromptSummary:
    """One definition; the first `arity` of its variables are those a completion needs values for.

    `origin` is where it was found: in a project, among the user's own, in pen, or only by the path of its file.
    `refused` says that it has filters which pen does not run: it only runs without filters. `aliases` are more names
    of its command, `use` says where Emacs takes the text from and puts the answer.
    """

    slug: str
    title: str
    description: str
    arity: int
    kind: str
    path: Path | None
    origin: Origin
    model: str | None
    in_development: bool
    refused: bool
    variables: list[VariableSummary]
    aliases: list[str]
    use: Literal["filter", "point", "insertion", "buffer"]
    n: int


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """One turn of a chat as it is sent."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """What the model reads, what it should write if all values are known, and where it stops.

    `messages` are what a chat sends instead of `prompt`, which holds their texts one after the other.
    """

    prompt: str
    completion: str | None
    stop: list[str]
    messages: list[RenderedMessage]


@dataclass(frozen=True, slots=True)
class PromptFinding:
    """One thing wrong with a definition, or worth knowing: the rule's id, and where as FILE:LINE:COLUMN."""

    id: str
    level: Literal["error", "warning", "note"]
    where: str | None
    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class PromptDetail:
    """All of one definition: its file's text, its boundary, and what its own examples render to (None without them).

    `weights` are the loss weights its training rows get; none: those of the job. `training` is its training set, if it
    has one. A training set of its own has all else from its prompt, and no arguments.
    """

    summary: PromptSummary
    name: str
    aliases: list[str]
    text: str
    prompt_end: str
    completion_start: str
    completion_end: str | None
    stop: list[str]
    weights: list[float]
    format_hash: str
    example: RenderedPrompt | None
    findings: list[PromptFinding]
    training: TrainingDetail | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What Emacs makes commands of: the definitions that can be run, and what is wrong with the other files."""

    definitions: list[PromptSummary]
    broken: list[PromptFinding]

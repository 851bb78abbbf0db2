"""Prompt definitions: which there are, and what one renders to."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.service.context import Context
from pen_backend.service.registry import rpc

if TYPE_CHECKING:
    from pen_backend.prompts.definition import Definition
    from pen_backend.prompts.variables import Variable


@dataclass(frozen=True, slots=True)
class VariableSummary:
    """One variable: its type, where Emacs takes it from (None: the user is asked), and an example of its text."""

    name: str
    type: str
    source: str | None
    description: str
    example: str | None


@dataclass(frozen=True, slots=True)
class PromptSummary:
    """One definition; the first `arity` of its variables are those a completion needs values for."""

    slug: str
    title: str
    description: str
    arity: int
    kind: str
    path: Path | None
    model: str | None
    in_development: bool
    variables: list[VariableSummary]


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """What the model reads, what it should write if all values are known, and where it stops."""

    prompt: str
    completion: str | None
    stop: list[str]


Summaries = list[PromptSummary]


class Prompts:
    """Definitions by name, from the project, the user's configuration and pen itself."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc()
    def list(self) -> Summaries:
        """List the definitions that can be run; rendering a broken one says what is wrong with it."""
        from pen_backend.errors import PromptError

        return [self._summary(entry) for entry in self._context.definitions() if not isinstance(entry, PromptError)]

    @rpc()
    def render(self, prompt: str, values: dict[str, str]) -> RenderedPrompt:
        """Fill a definition with values by variable name; a list's text is split on its `join`."""
        from pen_backend.prompts import template

        rendered = template.render(self._context.find_prompt(prompt), values)
        return RenderedPrompt(prompt=rendered.prompt, completion=rendered.completion, stop=[*rendered.stop])

    def _summary(self, definition: "Definition") -> PromptSummary:
        asked = {variable.name for variable in definition.asked}
        variables = sorted(definition.vars, key=lambda variable: variable.name not in asked)
        return PromptSummary(
            slug=definition.slug, title=definition.title, description=definition.description, arity=definition.arity,
            kind=definition.kind, path=definition.path, in_development=definition.in_development,
            model=definition.model or self._context.tuned_model(definition.name),
            variables=[_variable(variable) for variable in variables])


def _variable(variable: "Variable") -> VariableSummary:
    from pen_backend.prompts.variables import text_of

    example = None if variable.example is None else text_of(variable, variable.example)
    return VariableSummary(name=variable.name, type=variable.type, source=variable.from_,
                           description=variable.description, example=example)

"""Prompt definitions: which there are, what one says, what is wrong with one, and what one renders to."""

import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pen_backend.errors import Finding, NotFoundError, PromptError
from pen_backend.files import expanded
from pen_backend.service.context import Context
from pen_backend.service.library import Library
from pen_backend.service.prompt_records import (
    Catalogue,
    PromptDetail,
    PromptFinding,
    PromptSummary,
    RenderedMessage,
    RenderedPrompt,
    VariableSummary,
)
from pen_backend.service.registry import Json, Text, rpc
from pen_backend.service.trainings import training_detail

if TYPE_CHECKING:
    from pen_backend.prompts.dataset import DatasetSpec
    from pen_backend.prompts.definition import Definition
    from pen_backend.prompts.variables import Variable


Summaries = list[PromptSummary]
Findings = list[PromptFinding]


class Prompts:
    """Definitions by name, from the project, the user's configuration and pen itself.

    PROJECT is here, as in every service, the directory whose `prompts/` is looked into first; None is the context's.
    """

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc()
    def list(self, project: Path | None = None) -> Summaries:
        """List the definitions that can be run; rendering a broken one says what is wrong with it."""
        library = self._context.library(project)
        return [self._summary(entry, library) for entry in library.prompts() if not isinstance(entry, PromptError)]

    @rpc()
    def catalogue(self, project: Path | None = None) -> Catalogue:
        """List the definitions that can be run, and the errors of those that cannot, such as two files of one name."""
        library = self._context.library(project)
        entries = library.prompts()
        errors = [one for entry in entries if isinstance(entry, PromptError) for one in _errors(entry)]
        return Catalogue([self._summary(entry, library) for entry in entries if not isinstance(entry, PromptError)],
                         [_finding(one) for one in _said_once(sorted(dict.fromkeys(errors), key=_place))])

    @rpc()
    def show(self, prompt: str, project: Path | None = None) -> PromptDetail:
        """Show all of one definition or training set: its file, its boundary, its example as the model reads it."""
        from pen_backend.prompts import template
        from pen_backend.prompts.dataset import DatasetSpec

        library = self._context.library(project)
        found = library.any(prompt)
        definition = found.definition if isinstance(found, DatasetSpec) else found
        form, summary = definition.format, self._summary(definition, library)
        if isinstance(found, DatasetSpec):
            summary = replace(summary, slug=found.name, title=found.name, description=found.description, arity=0,
                              kind=found.kind, path=found.path, origin=library.origin(found.path), aliases=[])
        return PromptDetail(
            summary=summary, name=found.name, aliases=summary.aliases,
            text=found.path.read_text(encoding="utf-8-sig") if found.path else "",
            prompt_end=form.prompt_end, completion_start=form.completion_start, completion_end=form.completion_end,
            stop=[*template.stops(definition)],
            weights=[float(weight) for weight in _weights(definition)],
            format_hash=template.format_hash(definition), example=_example(definition),
            findings=[_finding(one) for one in (*found.findings, *self._counted(found))],
            training=training_detail(definition.training, definition.name) if definition.training else None)

    @rpc()
    def page(self, prompt: str, project: Path | None = None) -> Text:
        """Write all of one definition or training set as a page for people."""
        from pen_backend.service.prompt_page import page

        return page(self.show(prompt, project))

    @rpc()
    def lint(self, paths: builtins.list[str], text: Text | None = None, project: Path | None = None) -> Findings:
        """Find everything that is wrong with definitions: files, directories or names; none: all that are found.

        With TEXT, that text is looked at in place of the one file in PATHS, as an editor needs it before saving.
        """
        library = self._context.library(project)
        if text is not None:
            file = paths[0] if paths else "definition"
            return [_finding(one) for one in self._of_text(text, file, library)]
        given = paths or [str(one) for one in library.directories()]
        # What an included file has wrong is wrong with each that includes it, and said once.
        found = dict.fromkeys(one for path in given for one in self._of_path(path, library))
        return [_finding(one) for one in _said_once(sorted(found, key=_place))]

    @rpc()
    def schema(self) -> Json:
        """Return the JSON Schema of definition files, for editors that complete and check YAML by one."""
        from pen_backend.prompts import json_schema

        return json_schema.text()

    @rpc()
    def render(self, prompt: str, values: dict[str, str], example: bool = False,
               project: Path | None = None) -> RenderedPrompt:
        """Fill a definition with values by variable name; a list's text is split on its `join`.

        With EXAMPLE, the variables' own examples stand for the values that are missing.
        """
        definition = self._context.library(project).prompt(prompt)
        return _rendered(definition, _examples(definition) | values if example else values)

    def _summary(self, definition: "Definition", library: Library) -> PromptSummary:
        asked = {variable.name for variable in definition.asked}
        variables = sorted(definition.vars, key=lambda variable: variable.name not in asked)
        return PromptSummary(
            slug=definition.slug, title=definition.title, description=definition.description, arity=definition.arity,
            kind=definition.kind, path=definition.path, origin=library.origin(definition.path),
            in_development=definition.in_development, refused=bool(definition.refused),
            model=definition.model or self._context.tuned_model(definition.name),
            variables=[_variable(variable) for variable in variables],
            aliases=[*definition.aliases], use=_use(definition), n=definition.n_completions)

    def _of_text(self, text: str, file: str, library: Library) -> Iterator[Finding]:
        """Find what is wrong with a text that stands in no file yet."""
        from pen_backend.prompts import loader

        data = text.encode("utf-8", "surrogatepass")
        loaded, findings = loader.check(data, file, Path(file), library.directories())
        yield from findings
        if loaded is not None:
            yield from self._counted(loaded)

    def _of_path(self, given: str, library: Library) -> Iterator[Finding]:
        """Find what is wrong with a file, with all files of a directory, or with a definition by its name."""
        from pen_backend.prompts.library import read

        path = expanded(given)
        if path.is_dir():
            contents = [entry.content for entry in read(path, library.directories())]
            if not contents:
                raise NotFoundError(f"There is no definition in '{given}'.", hint="Name a file, or another directory.")
        else:
            try:
                contents = [library.any(given)]
            except PromptError as error:
                if not error.findings:  # a file that cannot be read
                    raise
                contents = [error]
        for content in contents:
            yield from content.findings
            if not isinstance(content, PromptError):
                yield from self._counted(content)

    def _counted(self, definition: "Definition | DatasetSpec") -> Iterator[Finding]:
        """Apply the rules that need the vocabulary of the definition's model, if it is at hand."""
        from pen_backend.prompts import lint_tokens
        from pen_backend.prompts.dataset import DatasetSpec

        if isinstance(definition, DatasetSpec):  # its texts are those of its prompt
            return
        model = self._context.model_of(definition)
        encoder = self._context.encoder_at_hand(model)
        if encoder is not None:
            yield from lint_tokens.findings(definition, encoder)
        else:
            message = f"the vocabulary of '{model}' is not on this machine, so nothing was counted in tokens"
            yield Finding("vocabulary", message, definition.where("model"), level="note")


def _place(finding: Finding) -> tuple[str, int, int]:
    """Order findings by file, line and column."""
    found = re.fullmatch(r"(.*?)(?::(\d+))?(?::(\d+))?", finding.where or "", re.DOTALL)
    file, line, column = found.groups() if found else ("", None, None)
    return file or "", int(line or 0), int(column or 0)


def _variable(variable: "Variable") -> VariableSummary:
    from pen_backend.prompts.variables import text_of

    def written(value: object) -> str | None:
        return None if value is None else text_of(variable, value)

    return VariableSummary(name=variable.name, type=variable.type, source=variable.from_,
                           description=variable.description, example=written(variable.example),
                           default=written(variable.default), choices=[*(variable.choices or ())], join=variable.join)


def _use(definition: "Definition") -> Literal["filter", "point", "insertion", "buffer"]:
    """Say what Emacs does with the answer; a definition that says two things is asked in this order."""
    if definition.filter:
        return "filter"
    if definition.completion_at_point:
        return "point"
    return "insertion" if definition.insertion else "buffer"


def _errors(broken: PromptError) -> Iterator[Finding]:
    """List what is wrong with a file; one that cannot even be read has no findings of its own."""
    errors = [one for one in broken.findings if one.level == "error"]
    yield from errors or [Finding(broken.kind, broken.message, broken.where, broken.hint)]


def _example(definition: "Definition") -> RenderedPrompt | None:
    """Render a definition with its own examples and defaults, if there are enough of them."""
    values = _examples(definition)
    known = all(one.name in values or one.default is not None for one in definition.asked)
    return _rendered(definition, values) if known else None


def _examples(definition: "Definition") -> dict[str, object]:
    return {variable.name: variable.example for variable in definition.vars if variable.example is not None}


def _weights(definition: "Definition") -> Iterable[float]:
    """Return the loss weights that a definition itself gives to its rows: for all texts, or segment by segment."""
    from pen_backend.prompts import template

    if definition.training is None:
        return ()
    if definition.training.example.loss_weights is not None:
        return definition.training.example.loss_weights
    by_segment = any(piece.weight is not None for piece in definition.pieces)
    return template.default_weights(definition) if by_segment else ()


def _rendered(definition: "Definition", values: Mapping[str, object]) -> RenderedPrompt:
    from pen_backend.prompts import template

    rendered = template.render(definition, values)
    sent = rendered.messages[:definition.asking] if rendered.messages else ()
    return RenderedPrompt(prompt=rendered.prompt, completion=rendered.completion, stop=[*rendered.stop],
                          messages=[RenderedMessage(one.role, one.content) for one in sent])


def _said_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out a note that another file has given: pen.el's files all name the same retired model."""
    said = set()
    for one in findings:
        if one.level != "note" or one.message not in said:
            said.add(one.message)
            yield one


def _finding(one: Finding) -> PromptFinding:
    return PromptFinding(id=one.code, level=one.level, where=one.where, message=one.message, hint=one.hint)

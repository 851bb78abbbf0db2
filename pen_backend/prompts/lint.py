"""Rules that need more than one key, each with its reason (prompts.md, section 6).

A rule reads a definition and yields problems. It also names the keys it reads: when one of them had to be left out
because it is wrong itself, the rule is skipped, so that one mistake is not reported twice.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from pen_backend.errors import DataError, PenError
from pen_backend.prompts import classes, evaluation, forms, placeholders, template, training
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.schema import Problem, nearest
from pen_backend.prompts.variables import Variable, text_of
from pen_backend.prompts.yaml import Path

_ANY = "*"
Rule = Callable[[Definition], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class _Entry:
    rule: Rule
    reads: tuple[Path, ...]


def lint(definition: Definition, left_out: Collection[Path] = ()) -> Iterator[Problem]:
    """Run every rule that does not read one of the keys that were LEFT_OUT."""
    try:
        _ = definition.class_map
    except PenError as error:  # a file of labels that cannot be read
        yield Problem("classes", ("classes", "labels-file"), f"classes.labels-file: {error}".rstrip("."))
        definition = definition.with_classes(None)
    for entry in RULES:
        if not left_out or not any(_covers(path, read) for path in left_out for read in entry.reads):
            yield from entry.rule(definition)


def _covers(path: Path, read: Path) -> bool:
    return len(path) <= len(read) and all(other in (_ANY, step) for step, other in zip(path, read, strict=False))


def _templates(definition: Definition) -> Iterator[tuple[Path, str]]:
    for key, text in (("prompt", definition.prompt), ("completion", definition.completion),
                      ("max-tokens", definition.max_tokens), ("repeater", definition.repeater)):
        if isinstance(text, str):
            yield (key,), text
    for index, segment in enumerate(definition.segments or ()):
        yield ("segments", index, "text"), segment.text
    for index, message in enumerate(definition.messages or ()):
        yield ("messages", index, "content"), message.content


def _names(definition: Definition) -> Iterator[Problem]:
    """Keep names apart: `<2>` is the second variable, so none may be called 2."""
    if not definition.slug:
        yield Problem("type", ("title",), "title: it has no letter from a to z and no digit to name a command by",
                      "give the definition a name, as `name: puns`")
    seen: set[str] = set()
    for index, variable in enumerate(definition.vars):
        if variable.name.isdigit():
            yield Problem("type", ("vars", index), f"vars: a variable cannot be called by a number, '{variable.name}'")
        if variable.name in seen:
            yield Problem("type", ("vars", index), f"vars: '{variable.name}' is listed twice", "remove one")
        seen.add(variable.name)


def _kinds(definition: Definition) -> Iterator[Problem]:
    for index, variable in enumerate(definition.vars):
        if (variable.type == "choice") != (variable.choices is not None):
            yield Problem("type", ("vars", index),
                          f"vars.{variable.name}: `type: choice` and `choices` need each other")
        if variable.type != "list" and "join" in variable.model_fields_set:
            yield Problem("type", ("vars", index, "join"), f"vars.{variable.name}.join: only a list is joined",
                          "give it `type: list`", at_key=True)


def _undeclared(definition: Definition) -> Iterator[Problem]:
    for path, text in _templates(definition):
        for name in placeholders.undeclared(text, definition.references, definition.literals):
            near = nearest(name[1:-1].lower(), [variable.name.lower() for variable in definition.vars])
            meant = next((one.name for one in definition.vars if one.name.lower() == near), None)
            hint = "add it to vars, or to literals if it is text"
            yield Problem("undeclared", path, f"{name} is not a variable",
                          f"did you mean <{meant}>? Else {hint}" if meant else hint, part=name)


def _unused(definition: Definition) -> Iterator[Problem]:
    parts = definition.prompt_parts + definition.completion_parts + definition.max_tokens_parts
    if definition.repeater is not None:
        parts += definition.repeater_parts
    used = {variable.name for variable in placeholders.used(parts)}
    for index, variable in enumerate(definition.vars):
        if variable.name not in used:
            yield Problem("unused-var", ("vars", index), f"variable '{variable.name}' is used in no template",
                          level="warning")
    for index, literal in enumerate(definition.literals):
        if not any(literal in text for _, text in _templates(definition)):
            yield Problem("unused-literal", ("literals", index), f"literal '{literal}' stands in no template",
                          level="warning")


def _boundary(definition: Definition) -> Iterator[Problem]:
    """Keep prompt and completion apart: else the first token of a completion differs between training and use."""
    end = definition.format.prompt_end
    if end.endswith((" ", "\t")):
        noun = "space" if end.endswith(" ") else "tab"
        yield Problem("prompt-end-space", ("format", "prompt-end"), f"prompt-end ends with a {noun}: 99 % of "
                      "completions would start with another token than in use", f"move the {noun} to completion-start")
    varies = bool(placeholders.used(definition.prompt_parts))
    # A prompt without a completion is never trained on: then there is no boundary to keep.
    if (definition.is_trainable and definition.messages is None and varies and not end
            and not definition.format.completion_start):
        yield Problem("no-boundary", ("format",), "nothing separates prompt and completion: 14 to 28 % of them would "
                      "meet in another token than in use", 'add `prompt-end: "\\n"` to format', level="warning")


def _completion_needed(definition: Definition) -> Iterator[Problem]:
    for key in ("training", "evaluation"):
        if getattr(definition, key) is not None and not definition.is_trainable:
            yield Problem("missing-key", (key,), f"{key} needs a completion template", forms.completion_hint(
                definition.segments, definition.messages), at_key=True)


def _completion_end(definition: Definition) -> Iterator[Problem]:
    """Know where a completion ends, and do not end before it begins."""
    form, end = definition.format, definition.format.completion_end
    if end is None:
        if definition.training is not None and definition.messages is None:  # a chat's template ends its turns
            yield Problem("no-end", ("training",), "training needs format.completion-end: without it the tuned model "
                          "cannot know where to stop", 'add `completion-end: "\\n"` to format', at_key=True)
        return
    if end == form.prompt_end:
        yield Problem("same-end", ("format", "completion-end"), "completion-end equals prompt-end",
                      "use two different texts")
    if end in form.completion_start:
        yield Problem("start-is-end", ("format", "completion-start"), "completion-start contains completion-end: every "
                      "answer would end before it begins", "use another completion-end")
    last = definition.completion_parts[-1:]
    join = last[0].join if last and isinstance(last[0], Variable) and last[0].type == "list" else None
    # After the last item the model learns to write the join's text and then the rest of the end. After a prompt that
    # ends in the join's text it stands at the same place, and writes that rest at once.
    if join and end.startswith(join) and form.prompt_end.endswith(join) and not form.completion_start:
        yield Problem("end-is-join", ("format", "completion-end"), f"completion-end begins like a further item, with "
                      f"{join!r}, in which the prompt ends too: many answers would be empty",
                      "use an end that begins otherwise, as ' END'", level="warning")


def _values(definition: Definition) -> Iterator[Problem]:
    """Check that defaults and examples fit their variables, and that an example completion is not cut."""
    bad = False
    for index, variable in enumerate(definition.vars):
        for key, value in (("default", variable.default), ("example", variable.example)):
            for problem in _value_problems(variable, value, ("vars", index, key)):
                bad = True
                yield problem
    written = placeholders.used(definition.completion_parts)
    examples = {variable.name: variable.example for variable in written if variable.example is not None}
    for problem in _label_problems(definition):
        bad = True
        yield problem
    if bad or not definition.is_trainable or len(examples) < len(written):
        return
    try:
        whole = template.completion_text(definition, examples)
    except DataError:  # a label that its file does not have yet
        return
    if template.end_inside(definition, whole):
        end = definition.format.completion_end or ""
        found = next((variable for variable in written if end in text_of(variable, variable.example)), None)
        path: Path = (definition.pieces[definition.asking].path if found is None
                      else ("vars", definition.vars.index(found), "example"))
        yield Problem("end-inside", path, f"completion-end {end!r} is inside the example completion and would "
                      "cut it there", "use another completion-end, or normalise: {newlines: space}")


def _value_problems(variable: Variable, value: object, path: Path) -> Iterator[Problem]:
    if value is None:
        return
    try:
        text_of(variable, value)
    except DataError as error:
        found = error.findings[0]
        yield Problem("join-inside" if found.code == "join-inside" else "type", path,
                      f"vars.{variable.name}.{path[-1]}: {found.message}", found.hint)


def _label_problems(definition: Definition) -> Iterator[Problem]:
    """Check that the example of the class variable is a label; a file of labels may still grow."""
    labels = definition.class_map
    variable = definition.references[labels.variable] if labels is not None else None
    if labels is None or variable is None or not isinstance(variable.example, str) or definition.labels_path:
        return
    try:
        labels.encode(variable.example)
    except DataError as error:
        yield Problem("label-unknown", ("vars", definition.vars.index(variable), "example"), error.message.rstrip("."),
                      error.findings[0].hint)


def _tests(definition: Definition) -> Iterator[Problem]:
    for index, test in enumerate(definition.tests):
        try:
            template.request(definition, test.vars)
        except DataError as error:
            found = error.findings[0]
            yield Problem("test", ("tests", index), f"tests[{index}]: {found.message}", found.hint)
        yield from evaluation.problems(test.expect, ("tests", index, "expect"), f"tests[{index}].expect")


def _stops(definition: Definition) -> Iterator[Problem]:
    count = len(template.stops(definition))
    if count > template.SENT_STOPS:
        yield Problem("many-stops", ("stop-sequences",), f"{count} stop texts: {template.SENT_STOPS} are sent, the "
                      "others only applied to what comes back", level="warning")


def _candidates(definition: Definition) -> Iterator[Problem]:
    if definition.best_of is not None and definition.best_of < definition.n_completions:
        yield Problem("type", ("best-of",), f"best-of: it must be at least n-completions ({definition.n_completions}), "
                      f"got {definition.best_of}")


def _training(definition: Definition) -> Iterator[Problem]:
    if definition.training is not None:
        yield from training.problems(definition.training, tuple(one.name for one in definition.vars),
                                     len(definition.pieces))


def _forms(definition: Definition) -> Iterator[Problem]:
    yield from forms.problems(definition.segments, definition.messages, definition.model_fields_set)
    if definition.messages is not None and definition.best_of is not None:
        yield Problem("form", ("best-of",), "a chat request has no best-of", "remove it", at_key=True)
    if definition.repeater is not None and definition.said is None:
        yield Problem("undeclared", ("repeater",), "repeater: {} is the last variable that the prompt uses, and there "
                      "is none", "let the prompt use one")


def _classes(definition: Definition) -> Iterator[Problem]:
    yield from classes.problems(definition.classes, definition.vars,
                                placeholders.used(definition.completion_parts))


def _evaluation(definition: Definition) -> Iterator[Problem]:
    if definition.evaluation is not None:
        yield from evaluation.problems(definition.evaluation.expect, ("evaluation", "expect"), "evaluation.expect")
        yield from evaluation.require_problems(definition.evaluation.require)


_TEMPLATES: tuple[Path, ...] = (("prompt",), ("completion",), ("max-tokens",), ("segments",), ("messages",),
                                ("repeater",))
_FORMAT: tuple[Path, ...] = (("format", "prompt-end"), ("format", "completion-start"), ("format", "completion-end"))

RULES: tuple[_Entry, ...] = (
    _Entry(_names, (("title",),)),
    _Entry(_kinds, (("vars", _ANY, "type"), ("vars", _ANY, "choices"))),
    _Entry(_undeclared, (("vars", _ANY), ("literals", _ANY))),
    _Entry(_unused, _TEMPLATES),
    _Entry(_boundary, _FORMAT[:2]),
    _Entry(_forms, ()),
    _Entry(_classes, (*_TEMPLATES, ("classes", _ANY), ("vars", _ANY))),
    _Entry(_completion_needed, (("completion",), ("segments",), ("messages",))),
    _Entry(_completion_end, _FORMAT),
    _Entry(_values, (*_TEMPLATES, *_FORMAT, ("vars", _ANY, "type"), ("vars", _ANY, "choices"), ("vars", _ANY, "join"))),
    _Entry(_tests, (*_TEMPLATES, ("tests", _ANY, "vars"), ("vars", _ANY, "type"), ("vars", _ANY, "choices"))),
    _Entry(_stops, (("stop-sequences",),)),
    _Entry(_candidates, (("n-completions",),)),
    _Entry(_training, (("completion",), ("vars",))),
    _Entry(_evaluation, ()),
)

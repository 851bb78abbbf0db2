"""Fill, derive and parse: the one renderer of training rows, requests and answers.

Because all of them start at `render`, a model is asked exactly as it was trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pen_backend.errors import Finding, PromptError
from pen_backend.prompts import placeholders
from pen_backend.prompts.definition import Definition, format_hash, hashed
from pen_backend.prompts.placeholders import Parts
from pen_backend.prompts.training import weights_problem
from pen_backend.prompts.variables import no_value, text_of, unknown_value, wrong
from pen_backend.records import Example, Origin, Segment, make_example

__all__ = ["Answer", "Rendered", "completion_text", "cut", "end_inside", "example", "format_hash", "hashed", "parse",
           "render", "request", "stops"]

SENT_STOPS = 4  # as many as the API takes; all are applied on our side


@dataclass(frozen=True, slots=True)
class Rendered:
    """A definition with values filled in; `completion` is None unless all its variables have values."""

    segments: tuple[str, ...]
    prompt: str
    completion: str | None
    stop: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote, without boundary; `stopped` says that it ended by itself."""

    text: str
    stopped: bool
    label: str | None = None


def render(definition: Definition, values: Mapping[str, object]) -> Rendered:
    r"""Fill a definition with values by variable name; DataError names what is missing or wrong.

    >>> render(pun_complete, {"jokes": ["A.", "B."]}).prompt
    'A.\nB.\n'
    """
    given = _by_name(definition, values)
    prompt = _fill(definition.prompt_parts, given).rstrip() + definition.format.prompt_end
    completion = None
    if definition.completion is not None and not _missing(definition.completion_parts, given):
        completion = completion_text(definition, given)
    return Rendered(segments=(prompt,) if completion is None else (prompt, completion), prompt=prompt,
                    completion=completion, stop=stops(definition))


def completion_text(definition: Definition, values: Mapping[str, object]) -> str:
    """Write the completion a model is to learn: start, text, end. Only its own variables need values."""
    text = _trim(definition, _fill(definition.completion_parts, values, keep_end=definition.no_trim_end))
    return definition.format.completion_start + text + (definition.format.completion_end or "")


def example(definition: Definition, values: Mapping[str, object], weights: Sequence[float], *,
            origin: Origin | None = None, label: str | None = None, group: str | None = None,
            meta: Mapping[str, object] | None = None) -> Example:
    """Make a training row: the texts that `render` gives, with one loss weight each."""
    if definition.completion is None:
        raise PromptError("There is no completion to train on.", where=definition.where(),
                          hint="Add a `completion:` template.")
    for name in _missing(definition.completion_parts, _by_name(definition, values)):
        raise no_value(name)
    rendered = render(definition, values)
    problem = weights_problem(tuple(weights), len(rendered.segments))
    if problem:
        where = definition.where("training", "example", "loss-weights")
        raise PromptError(f"loss weights: {problem}", where=where, findings=[Finding("weights", problem, where)])
    segments = [Segment(text, float(weight)) for text, weight in zip(rendered.segments, weights, strict=True)]
    return make_example(segments, origin=origin or Origin("", "", ""), label=label, group=group, meta=meta)


def request(definition: Definition, values: Mapping[str, object]) -> dict[str, Any]:
    """Make the arguments of a completion request; what the definition leaves open is left out."""
    rendered = render(definition, values)
    optional = {
        "model": definition.model, "max_tokens": _max_tokens(definition, values), "temperature": definition.temperature,
        "top_p": definition.top_p, "frequency_penalty": definition.frequency_penalty,
        "presence_penalty": definition.presence_penalty, "seed": definition.seed, "best_of": definition.best_of,
        "stop": list(rendered.stop[:SENT_STOPS]) or None,
    }
    return {"prompt": rendered.prompt, "n": definition.n_completions,
            **{key: value for key, value in optional.items() if value is not None}}


def parse(definition: Definition, text: str, finish_reason: str | None) -> Answer:
    """Read what a model wrote: cut at the first stop in the text, drop the completion's start, trim."""
    text, found = cut(text, stops(definition))
    text = _trim(definition, text.removeprefix(definition.format.completion_start))
    return Answer(text, stopped=found or finish_reason == "stop")


def stops(definition: Definition) -> tuple[str, ...]:
    """List the texts that end a completion; the completion's own end is the first."""
    end = definition.format.completion_end
    return tuple(dict.fromkeys((*([end] if end else []), *definition.stop_sequences)))


def cut(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """Cut a text at the earliest stop in it, and say whether there was one.

    On text, never on token ids: a stop merges with the text's last sign into one token in most vocabularies.
    """
    places = [place for place in (text.find(one) for one in stop) if place >= 0]
    return (text[:min(places)], True) if places else (text, False)


def end_inside(definition: Definition, completion: str) -> bool:
    """Say whether a rendered completion would be cut before its own end."""
    end = definition.format.completion_end
    return end is not None and completion.find(end) != len(completion) - len(end)


def _by_name(definition: Definition, values: Mapping[str, object]) -> dict[str, object]:
    """Key the values by their variables' names, defaults filled in; a name, slug or number is understood."""
    given: dict[str, object] = {one.name: one.default for one in definition.vars if one.default is not None}
    for key, value in values.items():
        variable = definition.references.get(key)
        if variable is None:
            raise unknown_value(key, definition.vars)
        if value is not None:
            given[variable.name] = value
    return given


def _missing(parts: Parts, given: Mapping[str, object]) -> list[str]:
    return [variable.name for variable in placeholders.used(parts) if variable.name not in given]


def _fill(parts: Parts, given: Mapping[str, object], *, keep_end: bool = False) -> str:
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif part.name in given:
            texts.append(text_of(part, given[part.name], keep_end=keep_end))
        else:
            raise no_value(part.name)
    return "".join(texts)


def _trim(definition: Definition, text: str) -> str:
    text = text if definition.no_trim_start else text.lstrip()
    return text if definition.no_trim_end else text.rstrip()


def _max_tokens(definition: Definition, values: Mapping[str, object]) -> int | None:
    if not isinstance(definition.max_tokens, str):
        return definition.max_tokens
    text = _fill(definition.max_tokens_parts, _by_name(definition, values)).strip()
    if text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 10:
        return int(text)
    raise wrong("max-tokens", "value", "with these values max-tokens is no whole number above 0",
                where=definition.where("max-tokens"))

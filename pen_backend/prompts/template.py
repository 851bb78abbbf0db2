"""Fill, derive and parse: the one renderer of training rows, requests and answers.

Because all of them start at `render`, a model is asked exactly as it was trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pen_backend.errors import Finding, PromptError, RefusedError
from pen_backend.prompts import filters, placeholders
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.filters import Filter
from pen_backend.prompts.forms import Piece, Role
from pen_backend.prompts.hashing import format_hash, hashed
from pen_backend.prompts.placeholders import Parts
from pen_backend.prompts.schema import advice, sentence
from pen_backend.prompts.training import weights_problem
from pen_backend.prompts.variables import Variable, no_value, text_of, unknown_value, wrong
from pen_backend.records import Example, Origin, Segment, make_example

__all__ = ["Answer", "Message", "Rendered", "Turn", "begun", "completion_text", "cut", "default_weights", "end_inside",
           "example", "format_hash", "hashed", "is_filtered", "parse", "postprocess", "render", "request", "stops"]

SENT_STOPS = 4  # as many as the API takes; all are applied on our side


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said after the first request of a conversation: the model's answer, and the user's next value."""

    answer: str
    value: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A definition with values filled in.

    `prompt` is all that is read before the model first writes (of a chat its contents, one after the other),
    `completion` what it then should write, None unless all its variables have values. `messages` are the segments of a
    chat with their roles; None if it is none.
    """

    segments: tuple[str, ...]
    prompt: str
    completion: str | None
    stop: tuple[str, ...]
    messages: tuple[Message, ...] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote, without boundary; `stopped` says that it ended by itself, `label` which class it named."""

    text: str
    stopped: bool
    label: str | None = None


def render(definition: Definition, values: Mapping[str, object]) -> Rendered:
    r"""Fill a definition with values by variable name; DataError names what is missing or wrong.

    >>> render(pun_complete, {"jokes": ["A.", "B."]}).prompt
    'A.\nB.\n'
    """
    given = _by_name(definition, values)
    asking, pieces = definition.asking, definition.pieces
    whole = len(pieces) == asking or not _missing(definition.completion_parts, given)
    texts = _texts(definition, pieces if whole else pieces[:asking], given)
    completion = None
    if whole and len(pieces) > asking:
        completion = "".join(texts[asking:_run_end(pieces, asking)])
    messages = None
    if definition.messages is not None:
        messages = tuple(Message(piece.role or "user", text) for piece, text in zip(pieces, texts, strict=False))
    return Rendered(tuple(texts), ("" if messages is None else "\n").join(texts[:asking]), completion,
                    stops(definition), messages)


def completion_text(definition: Definition, values: Mapping[str, object]) -> str:
    """Write the completion a model is to learn: start, text, end. Only its own variables need values."""
    first = definition.asking
    return "".join(_texts(definition, definition.pieces[first:_run_end(definition.pieces, first)], values))


def example(definition: Definition, values: Mapping[str, object], weights: Sequence[float], *,
            origin: Origin | None = None, label: str | None = None, group: str | None = None,
            meta: Mapping[str, object] | None = None) -> Example:
    """Make a training row: the texts that `render` gives, with one loss weight each.

    The label is that of the definition's classes unless the caller names one.
    """
    given = _by_name(definition, values)
    if not definition.is_trainable:
        raise PromptError("There is no completion to train on.", where=definition.where(),
                          hint="Add a `completion:` template.")
    for name in _missing(definition.completion_parts, given):
        raise no_value(name)
    rendered = render(definition, values)
    problem = weights_problem(tuple(weights), len(rendered.segments))
    if problem:
        where = definition.where("training", "example", "loss-weights")
        raise PromptError(f"loss weights: {problem}", where=where, findings=[Finding("weights", problem, where)])
    if label is None and definition.class_map is not None:
        label = text_of(definition.references[definition.class_map.variable], given[definition.class_map.variable])
    segments = [Segment(text, float(weight), piece.role)
                for text, weight, piece in zip(rendered.segments, weights, definition.pieces, strict=True)]
    return make_example(segments, origin=origin or Origin("", "", ""), label=label, group=group, meta=meta)


def default_weights(definition: Definition, prompt_loss_weight: float = 0.0) -> tuple[float, ...]:
    """Return the loss weight of each text where `training.example` names none.

    A segment has its own; else what the model writes, or an assistant's turn, counts 1, and what it reads as the job
    says.
    """
    return tuple(piece.weight if piece.weight is not None
                 else 1.0 if piece.generate or piece.role == "assistant" else prompt_loss_weight
                 for piece in definition.pieces)


def request(definition: Definition, values: Mapping[str, object], history: Sequence[Turn] = ()) -> dict[str, Any]:
    """Make the arguments of a completion request, of a chat request if the definition has `messages`.

    RefusedError if it has filters that pen does not run (see `Definition.without_filters`). What the definition leaves
    open is left out. HISTORY continues a conversation, by the definition's `repeater`.
    """
    if definition.refused:
        raise _refusal(definition.refused)
    rendered = render(definition, values)
    is_chat = rendered.messages is not None
    optional = {
        "model": definition.model,
        "max_completion_tokens" if is_chat else "max_tokens": _max_tokens(definition, values),
        "temperature": definition.temperature, "top_p": definition.top_p,
        "frequency_penalty": definition.frequency_penalty, "presence_penalty": definition.presence_penalty,
        "seed": definition.seed, "best_of": None if is_chat else definition.best_of,
        "stop": list(rendered.stop[:SENT_STOPS]) or None,
    }
    body: dict[str, Any]
    if rendered.messages is not None:
        messages = [*rendered.messages[:definition.asking], *_said(definition, values, history)]
        body = {"messages": [{"role": one.role, "content": one.content} for one in messages]}
    else:
        body = {"prompt": rendered.prompt + _continued(definition, values, history)}
    return {**body, "n": definition.n_completions, **{key: value for key, value in optional.items()
                                                      if value is not None}}


def begun(definition: Definition, values: Mapping[str, object]) -> Definition:
    """Return what parses the answer to a request with VALUES: a prompt of pen.el may have its end begin the answer."""
    if definition.ancestor is None or not definition.ancestor.pretext:
        return definition
    parts = definition.split(definition.ancestor.pretext)
    return definition.begun(_read_end(definition, _fill(definition, parts, _by_name(definition, values),
                                                        keep_end=True)))


def parse(definition: Definition, text: str, finish_reason: str | None) -> Answer:
    """Read what a model wrote: cut at the first stop in the text, drop the completion's start, trim, decode, filter."""
    answer = read(definition, text, finish_reason)
    return Answer(postprocess(definition, answer.text), answer.stopped, answer.label)


def read(definition: Definition, text: str, finish_reason: str | None) -> Answer:
    """Read what a model wrote as `parse` does, but for the postprocessor."""
    text, found = cut(text, stops(definition))
    if definition.messages is None:
        text = text.removeprefix(definition.format.completion_start)
    text = _trim(definition, definition.beginning + text)
    if definition.spare_end and text.endswith(definition.spare_end):
        text = _trim(definition, text.removesuffix(definition.spare_end))
    label = _label(definition, text)
    return Answer(text if label is None else label, found or finish_reason == "stop", label)


def postprocess(definition: Definition, text: str) -> str:
    """Send a parsed answer through the definition's postprocessor; it may be several that are joined."""
    return filters.apply(_after(definition), text)


def is_filtered(definition: Definition) -> bool:
    """Say whether answers go through filters, so that they are only known when they are whole."""
    return bool(_after(definition))


def _after(definition: Definition) -> tuple[Filter, ...]:
    return (*definition.postprocessor, *(definition.ancestor.collation if definition.ancestor is not None else ()))


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


def _run_end(pieces: Sequence[Piece], start: int) -> int:
    """Return the index after the run that begins at START."""
    return next((index + 1 for index in range(start, len(pieces)) if pieces[index].last), len(pieces))


def _texts(definition: Definition, pieces: Sequence[Piece], given: Mapping[str, object]) -> list[str]:
    """Write pieces with their boundaries: prompt-end after what is read, start and end around what is written.

    A chat has no boundary of its own; its turns are trimmed the same way.
    """
    form, is_chat = definition.format, definition.messages is not None
    texts: list[str] = []
    for index, piece in enumerate(pieces):
        if piece.generate:
            text = _fill(definition, piece.parts, given, keep_end=definition.no_trim_end)
            text = text.rstrip() if piece.last and not definition.no_trim_end else text
            text = text.lstrip() if piece.first and not definition.no_trim_start else text
            text = (form.completion_start if piece.first else "") + text
            texts.append(text + ((form.completion_end or "") if piece.last else ""))
            continue
        text = _fill(definition, piece.parts, given, keep_end=definition.ancestor is not None)
        ends = is_chat or (piece.last and piece.bounded)
        if definition.prompt_filter:
            text = filters.apply(definition.prompt_filter, _read_end(definition, text) if ends else text)
        texts.append(_read_end(definition, text) if ends else text)
        if ends and not is_chat:
            while not texts[index] and not pieces[index].first:  # the white space stands at the end of another text
                index -= 1
                texts[index] = texts[index].rstrip()
            texts[-1] += form.prompt_end
    return texts


def _refusal(refused: Sequence[Finding]) -> RefusedError:
    more = "" if len(refused) == 1 else f" (and {len(refused) - 1} more)"
    return RefusedError(sentence(refused[0].message + more), hint=advice(refused[0].hint), where=refused[0].where,
                        findings=[replace(finding, level="error") for finding in refused])


def _read_end(definition: Definition, text: str) -> str:
    """Strip what the model reads of the white space at its end; pen.el left the spaces there."""
    return text.rstrip() if definition.ancestor is None else text.rstrip("\n")


def _fill(definition: Definition, parts: Parts, given: Mapping[str, object], *, keep_end: bool = False) -> str:
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif part.name in given:
            texts.append(_written(definition, part, given[part.name], keep_end))
        else:
            raise no_value(part.name)
    return "".join(texts)


def _written(definition: Definition, variable: Variable, value: object, keep_end: bool = False) -> str:
    """Write a value as it stands in a text: joined, preprocessed, a label as its class map says."""
    text = text_of(variable, value, keep_end=keep_end)
    if variable.preprocessor:
        text = filters.apply(variable.preprocessor, text)
    if definition.class_map is not None and definition.class_map.variable == variable.name:
        text = definition.class_map.encode(text.strip())
    return text


def _label(definition: Definition, text: str) -> str | None:
    """Read an answer as a label: what is left of it without the words that stand around the label."""
    if definition.class_map is None:
        return None
    parts = definition.completion_parts
    index = next((index for index, part in enumerate(parts) if isinstance(part, Variable)), None)
    if index is None:
        return None
    around = ["".join(part for part in some if isinstance(part, str)) for some in (parts[:index], parts[index + 1:])]
    text = text.removeprefix(around[0].lstrip()).removesuffix(around[1].rstrip())
    return definition.class_map.decode(text)


def _trim(definition: Definition, text: str) -> str:
    text = text if definition.no_trim_start else text.lstrip()
    return text if definition.no_trim_end else text.rstrip()


def _next_value(definition: Definition, values: Mapping[str, object], turn: Turn) -> dict[str, object]:
    if definition.said is None:
        raise PromptError("A conversation needs a variable for what is said next.", where=definition.where("vars"),
                          hint="Let the prompt use one.")
    return {**_by_name(definition, values), definition.said.name: turn.value}


def _continued(definition: Definition, values: Mapping[str, object], history: Sequence[Turn]) -> str:
    """Write what follows the first prompt of a conversation: each answer as if trained, then the repeater."""
    form, text = definition.format, ""
    for turn in history:
        said = _fill(definition, definition.repeater_parts, _next_value(definition, values, turn))
        text += form.completion_start + _trim(definition, turn.answer) + (form.completion_end or "")
        text += said.rstrip() + form.prompt_end
    return text


def _said(definition: Definition, values: Mapping[str, object], history: Sequence[Turn]) -> list[Message]:
    """List what follows the first messages of a conversation."""
    messages = []
    for turn in history:
        said = _fill(definition, definition.repeater_parts, _next_value(definition, values, turn))
        messages += [Message("assistant", _trim(definition, turn.answer)), Message("user", said.rstrip())]
    return messages


def _max_tokens(definition: Definition, values: Mapping[str, object]) -> int | None:
    if not isinstance(definition.max_tokens, str):
        return definition.max_tokens
    text = _fill(definition, definition.max_tokens_parts, _by_name(definition, values)).strip()
    if text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 10:
        return int(text)
    raise wrong("max-tokens", "value", "with these values max-tokens is no whole number above 0",
                where=definition.where("max-tokens"))

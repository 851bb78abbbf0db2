"""Write an Example as one line of a training file; refuse a format that would lose something."""

from itertools import takewhile
from typing import Literal

import orjson

from pen_backend.errors import DataError
from pen_backend.records.dialects import Format
from pen_backend.records.example import Example, Segment, bad
from pen_backend.words import count

Lossy = Literal["error", "zero-one"]


def to_line(example: Example, dialect: Format, *, prompt_loss_weight: float = 0.0, lossy: Lossy = "error") -> bytes:
    """Write an Example as one line, keys in fixed order; refuse a format that would lose something.

    With LOSSY "zero-one" weights may be lost: chats get 1 for at least half of the largest weight, else 0, and texts
    without roles become messages of user and assistant by that; a prompt with its completion drops its weights.
    """
    try:
        return orjson.dumps(_to_object(example, dialect, prompt_loss_weight, lossy), option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise bad("surrogate", f"the record cannot be written as JSON: {error}", where=example.origin.where or None,
                  hint="remove the half of a surrogate pair from the text") from error


def text_list_line(texts: list[str], weights: list[float]) -> bytes:
    """Write texts with their weights as one line of a text-list; TypeError for what JSON cannot hold."""
    return orjson.dumps(_text_list(texts, weights), option=orjson.OPT_APPEND_NEWLINE)


def _text_list(texts: list[str], weights: list[float]) -> dict[str, object]:
    return {"data": {"text_list": texts, "loss_weights": weights}}


def _to_object(example: Example, dialect: Format, prompt_loss_weight: float, lossy: Lossy) -> dict[str, object]:
    segments = example.segments
    if dialect == "text-list" and example.rejected is None and not example.tools:  # most sets
        weights = [segment.weight for segment in segments if segment.role is None]
        if len(weights) == len(segments):
            return _text_list([segment.text for segment in segments], weights)
    roles = any(segment.role is not None for segment in segments)
    if dialect == "chat":
        if example.rejected is not None:
            raise _lossy(example, dialect, "it has a rejected answer")
        if lossy == "zero-one":
            segments = _whole_weights(segments)
        elif not all(segment.role is not None for segment in segments):
            raise _lossy(example, dialect, "not all of its segments have roles" if roles else
                         "its segments have no roles")
        messages = [_to_message(segment) for segment in segments]
        return {"messages": messages, **({"tools": list(example.tools)} if example.tools else {})}
    if dialect == "preference":
        return _to_preference(example, roles)
    if roles or example.rejected is not None or example.tools:
        raise _lossy(example, dialect, "it is a chat" if roles else "it has a rejected answer" if
                     example.rejected is not None else "it has tools")
    if dialect == "prompt-completion":
        if len(segments) != 2:
            raise _lossy(example, dialect, f"it has {count(len(segments), 'segment')}")
        prompt, completion = segments
        if prompt.weight != prompt_loss_weight * completion.weight and lossy == "error":
            raise _lossy(example, dialect, "its loss weights are not the job's prompt_loss_weight and 1")
        return {"prompt": prompt.text, "completion": completion.text}
    if len(segments) != 1:
        raise _lossy(example, dialect, f"it has {count(len(segments), 'segment')}")
    return {dialect: segments[0].text}


def _whole_weights(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Train a segment fully or not at all; weights are relative to each other, so half of the largest decides."""
    half = max(segment.weight for segment in segments) / 2
    return tuple(Segment(s.text, float(s.weight >= half), s.role or ("assistant" if s.weight >= half else "user"),
                         s.name, s.extra) for s in segments)


def _to_preference(example: Example, roles: bool) -> dict[str, object]:
    if example.rejected is None:
        raise _lossy(example, "preference", "it has no rejected answer")
    prompt = list(takewhile(lambda segment: segment.weight == 0, example.segments))
    preferred = example.segments[len(prompt):]
    if not roles:
        if len(prompt) != 1 or len(preferred) != 1 or len(example.rejected) != 1:
            raise _lossy(example, "preference", "it has more than one prompt or answer")
        return {"prompt": prompt[0].text, "chosen": preferred[0].text, "rejected": example.rejected[0].text}
    given: dict[str, object] = {"messages": [_to_message(segment, plain=True) for segment in prompt]}
    if example.tools:
        given["tools"] = list(example.tools)
    return {"input": given, "preferred_output": [_to_message(segment) for segment in preferred],
            "non_preferred_output": [_to_message(segment) for segment in example.rejected]}


def _to_message(segment: Segment, *, plain: bool = False) -> dict[str, object]:
    message: dict[str, object] = {"role": segment.role, "content": segment.text}
    if segment.name is not None:
        message["name"] = segment.name
    if segment.extra:
        message.update(segment.extra)
    if not plain and segment.weight != (1.0 if segment.role == "assistant" else 0.0):
        message["weight"] = segment.weight
    return message


def _lossy(example: Example, dialect: Format, why: str) -> DataError:
    return bad("lossy", f"an example cannot be written as {dialect} without a loss: {why}",
               where=example.origin.where or None,
               hint="choose another output.format, or allow the loss of weights with `lossy: zero-one`"
               if dialect in ("chat", "prompt-completion") else "choose another output.format")

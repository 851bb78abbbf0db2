"""Run a definition: complete() and stream(): chunks, then usage; closing cancels. And score() a text's tokens.

Requests and answers go through the same template that made the training rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pen_backend.client import Choice, Chunk, Client, CompletionStream, Usage
from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer, parsed; the finish reason is stop, length or cancelled."""

    text: str
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request gave."""

    candidates: tuple[Candidate, ...]
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Delta:
    """More of one candidate's text."""

    index: int
    text: str


def request(definition: Definition, values: Mapping[str, object], *, model: str, max_tokens: int,
            overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build a request's arguments; MAX_TOKENS is for definitions that say nothing, OVERRIDES win over all."""
    body = {"max_tokens": max_tokens, **template.request(definition, values), "model": model}
    return {**body, **{key: value for key, value in (overrides or {}).items() if value is not None}}


def complete(client: Client, definition: Definition, body: Mapping[str, Any]) -> Answered:
    """Answer a request with whole candidates."""
    answer = client.complete(body)
    return Answered(tuple(_candidate(definition, choice) for choice in answer.choices), answer.model, answer.usage)


def stream(client: Client, definition: Definition, body: Mapping[str, Any]) -> "Streamed":
    """Start a request; iterate for its deltas, then read `answered`."""
    wanted = int(body.get("n") or 1)
    if int(body.get("best_of") or 1) > wanted:  # chosen among whole candidates, so there is nothing to stream
        answer = client.complete(body)
        whole = [Chunk(choice.index, choice.text, choice.finish_reason) for choice in answer.choices]
        return Streamed(definition, whole, str(body["model"]), wanted, usage=answer.usage)
    return Streamed(definition, client.stream(body), str(body["model"]), wanted)


class Streamed:
    """A running request. Deltas are what the parsed answer will show: no boundary, no stop, no trailing space."""

    def __init__(self, definition: Definition, chunks: CompletionStream | Sequence[Chunk], model: str, wanted: int, *,
                 usage: Usage | None = None) -> None:
        self._definition = definition
        self._chunks = chunks
        self._model = model
        self._usage = usage
        self._texts = [""] * wanted
        self._shown = [""] * wanted
        self._reasons: list[str | None] = [None] * wanted
        self._cancelled = False

    def __iter__(self) -> Iterator[Delta]:
        """Yield deltas as they arrive; ends early, without an error, once cancelled."""
        for chunk in self._chunks:
            index = chunk.index
            if not 0 <= index < len(self._texts):
                continue
            self._texts[index] += chunk.text
            self._reasons[index] = chunk.finish_reason or self._reasons[index]
            visible = self._visible(index)
            if len(visible) > len(self._shown[index]) and visible.startswith(self._shown[index]):
                text, self._shown[index] = visible[len(self._shown[index]):], visible
                yield Delta(index, text)
            if self._cancelled:
                return

    def cancel(self) -> None:
        """End the request now, from any thread; the engine stops generating."""
        self._cancelled = True
        if isinstance(self._chunks, CompletionStream):
            self._chunks.cancel()

    @property
    def answered(self) -> Answered:
        """The whole result, or what there was when it was cancelled."""
        usage = self._usage
        if isinstance(self._chunks, CompletionStream):
            usage = self._chunks.usage
        candidates = tuple(_candidate(self._definition, Choice(index, text, reason or "cancelled"))
                           for index, (text, reason) in enumerate(zip(self._texts, self._reasons, strict=True)))
        return Answered(candidates, self._model, usage or Usage(0, 0))

    def _visible(self, index: int) -> str:
        text, start = self._texts[index], self._definition.format.completion_start
        if len(text) < len(start) and start.startswith(text):  # may still become the completion's start
            return ""
        return template.parse(self._definition, text, None).text


def score(client: Client, model: str, prompts: Sequence[Sequence[int]]) -> list[list[float | None]]:
    """Return the natural log-probability of every token of PROMPTS, None for a first one; nothing is generated."""
    answer = client.complete({"model": model, "prompt": [list(prompt) for prompt in prompts], "max_tokens": 0,
                              "echo": True, "logprobs": 0, "temperature": 0})
    ordered = sorted(answer.choices, key=lambda choice: choice.index)
    return [list((choice.logprobs or {}).get("token_logprobs") or ()) for choice in ordered]


def _candidate(definition: Definition, choice: Choice) -> Candidate:
    answer = template.parse(definition, choice.text, choice.finish_reason)
    return Candidate(answer.text, "stop" if answer.stopped else choice.finish_reason)

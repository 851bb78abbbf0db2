"""Run a definition: complete, stream chunks (closing cancels), or score a text's tokens.

Requests and answers go through the same template that made the training rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pen_backend.client import Choice, Chunk, Client, CompletionStream, Usage
from pen_backend.prompts import template
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.template import Turn
from pen_backend.prompts.unfinished import Unfinished

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer, parsed; the finish reason is stop, length or cancelled. `label` is the class it names, if it does."""

    text: str
    finish_reason: str
    label: str | None = None


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
            overrides: Mapping[str, Any] | None = None, history: Sequence[Turn] = ()) -> dict[str, Any]:
    """Build a request's arguments; MAX_TOKENS is for definitions that say nothing, OVERRIDES win over all."""
    body = template.request(definition, values, history)
    longest = "max_completion_tokens" if "messages" in body else "max_tokens"
    given = {longest if key == "max_tokens" else key: value for key, value in (overrides or {}).items()
             if value is not None}
    return {longest: max_tokens, **body, "model": model, **given}


def complete(client: Client, definition: Definition, body: Mapping[str, Any]) -> Answered:
    """Answer a request with whole candidates; `n-collate` requests are made, and their answers joined."""
    answers = [client.complete(one) for one in _bodies(definition, body)]
    wanted = max(len(answer.choices) for answer in answers)
    gathered = [[choice for answer in answers for choice in answer.choices if choice.index == index]
                for index in range(wanted)]
    usage = Usage(sum(answer.usage.prompt_tokens for answer in answers),
                  sum(answer.usage.completion_tokens for answer in answers))
    return Answered(tuple(_candidate(definition, choices) for choices in gathered), answers[0].model, usage)


def stream(client: Client, definition: Definition, body: Mapping[str, Any]) -> "Streamed":
    """Prepare a request; iterate for its deltas, then read `answered`."""
    return Streamed(client, definition, body)


class Streamed:
    """A running request. Deltas are what the parsed answer will show: no boundary, no stop, no trailing space.

    What may yet turn out to be one of these waits until it is decided. A label, or an answer that goes through a
    postprocessor, comes as one delta when it is whole.
    """

    def __init__(self, client: Client, definition: Definition, body: Mapping[str, Any]) -> None:
        self._client = client
        self._definition = definition
        self._bodies = _bodies(definition, body)
        self._model = str(body["model"])
        self._is_held = template.is_filtered(definition) or definition.class_map is not None
        self._usage = Usage(0, 0)
        self._candidates = [_Written(definition) for _ in range(int(body.get("n") or 1))]
        self._running: CompletionStream | None = None
        self._cancelled = False

    def __iter__(self) -> Iterator[Delta]:
        """Yield deltas as they arrive; ends early, without an error, once cancelled."""
        for number, body in enumerate(self._bodies, 1):
            if self._cancelled:
                return
            yield from self._one(body, is_last=number == len(self._bodies))

    def cancel(self) -> None:
        """End the request now, from any thread; the engine stops generating."""
        self._cancelled = True
        if self._running is not None:
            self._running.cancel()

    @property
    def answered(self) -> Answered:
        """The whole result, or what there was when it was cancelled."""
        candidates = tuple(_candidate(self._definition, one.choices(index) or [Choice(index, "", "cancelled")])
                           for index, one in enumerate(self._candidates))
        return Answered(candidates, self._model, self._usage)

    def _one(self, body: Mapping[str, Any], *, is_last: bool) -> Iterator[Delta]:
        """Make one request and yield what it adds to each candidate."""
        for written in self._candidates:
            written.begin()
        try:
            for chunk in self._chunks(body):
                if 0 <= chunk.index < len(self._candidates):
                    text = self._shown(chunk, is_last=is_last)
                    if text:
                        yield Delta(chunk.index, text)
                if self._cancelled:
                    return
        finally:
            if self._running is not None and self._running.usage is not None:
                self._add(self._running.usage)

    def _chunks(self, body: Mapping[str, Any]) -> Iterator[Chunk]:
        self._running = self._client.stream(body)
        if self._cancelled:  # while it was being prepared
            self._running.cancel()
        yield from self._running

    def _shown(self, chunk: Chunk, *, is_last: bool) -> str:
        """Add a chunk to its candidate and return what can be shown of that now."""
        written = self._candidates[chunk.index]
        if written.has_ended:
            return ""
        more = written.add(chunk)
        if not self._is_held:
            return more
        if is_last and chunk.finish_reason:
            return _candidate(self._definition, written.choices(chunk.index)).text
        return ""

    def _add(self, usage: Usage) -> None:
        self._usage = Usage(self._usage.prompt_tokens + usage.prompt_tokens,
                            self._usage.completion_tokens + usage.completion_tokens)


class _Written:
    """What a model has written of one candidate: of each request its pieces and its finish reason."""

    def __init__(self, definition: Definition) -> None:
        self.has_ended = False  # the answer to the request that runs
        self._definition = definition
        self._unfinished = Unfinished(definition)
        self._pieces: list[list[str]] = []
        self._reasons: list[str] = []
        self._before = ""  # what joins the next text that can be shown to that of earlier requests
        self._is_shown = False

    def begin(self) -> None:
        """Begin with the next request."""
        self.has_ended = False
        self._unfinished = Unfinished(self._definition)
        self._pieces.append([])
        self._reasons.append("cancelled")
        self._before = "\n" if self._is_shown else ""

    def add(self, chunk: Chunk) -> str:
        """Add a chunk and return what of the answer is certain with it."""
        self._pieces[-1].append(chunk.text)
        more = self._unfinished.more(chunk.text)
        if chunk.finish_reason:
            self.has_ended = True
            self._reasons[-1] = chunk.finish_reason
            more += self._unfinished.rest()
        if more:
            more, self._before, self._is_shown = self._before + more, "", True
        return more

    def choices(self, index: int) -> list[Choice]:
        """Return the answers to all requests so far."""
        return [Choice(index, "".join(pieces), reason)
                for pieces, reason in zip(self._pieces, self._reasons, strict=True)]


def score(client: Client, model: str, prompts: Sequence[Sequence[int]]) -> list[list[float | None]]:
    """Return the natural log-probability of every token of PROMPTS, None for a first one; nothing is generated."""
    answer = client.complete({"model": model, "prompt": [list(prompt) for prompt in prompts], "max_tokens": 0,
                              "echo": True, "logprobs": 0, "temperature": 0})
    ordered = sorted(answer.choices, key=lambda choice: choice.index)
    return [list((choice.logprobs or {}).get("token_logprobs") or ()) for choice in ordered]


def _bodies(definition: Definition, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List the requests of one call; each has a seed of its own, else their answers would be equal."""
    if definition.n_collate == 1:
        return [body]
    seed = body.get("seed")
    return [{**body} if seed is None else {**body, "seed": (seed + number) % (LARGEST_SEED + 1)}
            for number in range(definition.n_collate)]


def _candidate(definition: Definition, choices: Sequence[Choice]) -> Candidate:
    """Parse one candidate's answers, one a request, and join them, a line each; empty ones are dropped."""
    answers = [template.read(definition, choice.text, choice.finish_reason) for choice in choices]
    text = "\n".join(answer.text for answer in answers if answer.text) if len(answers) != 1 else answers[0].text
    reasons = ["stop" if answer.stopped else choice.finish_reason
               for answer, choice in zip(answers, choices, strict=True)]
    return Candidate(template.postprocess(definition, text), next((one for one in reasons if one != "stop"), "stop"),
                     answers[0].label if len(answers) == 1 else None)

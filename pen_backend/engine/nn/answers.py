"""Answer one completion request, a model step at a time: the events a worker sends.

`answer` is a generator that does one forward each time it is resumed, so a worker can take turns between requests
and drop one between two steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedModel

from pen_backend.engine.nn.generation import Row, Token, generate, score
from pen_backend.engine.nn.requests import Request
from pen_backend.engine.nn.textstream import Piece, TextStream, chat_logprobs_json, logprobs_json, prompt_pieces
from pen_backend.engine.nn.vocabulary import Vocabulary

Event = dict[str, Any]
ROWS = 16
"""Choices generated side by side; more wait for the next batch."""


@dataclass(slots=True)
class Usage:
    """Tokens read and made for a request so far, hidden candidates included."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(slots=True)
class _Choice:
    """One candidate: its row in the batch, its text, and pieces kept back while candidates still compete."""

    row: Row
    stream: TextStream
    pieces: list[Piece] = field(default_factory=list)
    reason: str = "length"

    @property
    def mean_logprob(self) -> float:
        logprobs = [token.logprob or 0.0 for token in self.row.tokens]
        return sum(logprobs) / max(1, len(logprobs))


def answer(model: PreTrainedModel, vocabulary: Vocabulary, request: Request, usage: Usage) -> Iterator[list[Event]]:
    """Yield after each model step the events it brought; USAGE is kept up to date for whoever stops early."""
    usage.prompt_tokens = sum(len(prompt.ids) for prompt in request.prompts)
    echoes = [Piece("")] * len(request.prompts)
    if request.echo:
        found: list[Piece] = []
        for pieces in _echo(model, vocabulary, request):
            found += pieces
            yield []
        echoes = found
    numbers = range(len(request.prompts))
    together = max(1, ROWS // request.best_of)
    for start in range(0, len(numbers), together):
        choices = _choices(vocabulary, request, numbers[start : start + together], echoes)
        if request.best_of == request.n:
            for choice in choices:
                yield _show(vocabulary, request, choice, echoes[choice.row.prompt])
        yield from _generate(model, vocabulary, request, choices, usage)
        if request.best_of > request.n:
            yield _best(vocabulary, request, choices, echoes)


def _choices(vocabulary: Vocabulary, request: Request, numbers: range, echoes: list[Piece]) -> list[_Choice]:
    return [_Choice(Row(request.prompts[p].ids, p, i, request.max_tokens),
                    TextStream(vocabulary, request.stop, offset=len(_prompt_text(vocabulary, request, p))))
            for p in numbers for i in range(request.best_of)]


def _generate(model: PreTrainedModel, vocabulary: Vocabulary, request: Request, choices: list[_Choice],
              usage: Usage) -> Iterator[list[Event]]:
    """Run the choices of one batch to their ends."""
    streaming = request.best_of == request.n
    of_row = {id(choice.row): choice for choice in choices}
    wanted = request.logprobs if streaming else request.logprobs or 0
    if not request.max_tokens:
        yield [event for choice in choices if streaming for event in _finish(vocabulary, request, choice)]
    for start in range(0, len(choices), ROWS):
        rows = [choice.row for choice in choices[start : start + ROWS]]
        for drawn in generate(model, rows, request.sampling, pad=vocabulary.pad, ends=request.ends,
                              logprobs=wanted):
            usage.completion_tokens += len(drawn)
            events: list[Event] = []
            for row, token in drawn:
                choice = of_row[id(row)]
                piece = _advance(request, choice, token)
                if streaming:
                    events += _show(vocabulary, request, choice, piece)
                    events += _finish(vocabulary, request, choice) if row.finished else []
                else:
                    choice.pieces.append(piece)
            yield events


def _advance(request: Request, choice: _Choice, token: Token) -> Piece:
    """Take a choice one token further; find out whether it is finished, and why."""
    if token.id in request.ends:
        choice.reason = "stop"
        return Piece("")
    piece = choice.stream.feed(token)
    if choice.stream.stopped:
        choice.reason = "stop"
        choice.row.finished = True
    return piece


def _best(vocabulary: Vocabulary, request: Request, choices: list[_Choice], echoes: list[Piece]) -> list[Event]:
    """Show of each prompt's candidates the n with the highest mean log probability."""
    events: list[Event] = []
    for start in range(0, len(choices), request.best_of):
        candidates = choices[start : start + request.best_of]
        best = sorted(candidates, key=lambda choice: (-choice.mean_logprob, choice.row.choice))[: request.n]
        for place, choice in enumerate(best):
            choice.row.choice = place
            for piece in (echoes[choice.row.prompt], *choice.pieces):
                events += _show(vocabulary, request, choice, piece)
            events += _finish(vocabulary, request, choice)
    return events


def _echo(model: PreTrainedModel, vocabulary: Vocabulary, request: Request) -> Iterator[list[Piece]]:
    """Yield what echo shows before each choice of the prompts, a batch at a time, with scores if they are asked for."""
    prompts = request.prompts
    if request.logprobs is None:
        yield [Piece(_prompt_text(vocabulary, request, i)) for i in range(len(prompts))]
        return
    done = 0
    for scored in score(model, [prompt.ids for prompt in prompts], pad=vocabulary.pad, logprobs=request.logprobs):
        pieces = []
        for prompt, tokens in zip(prompts[done : done + len(scored)], scored, strict=True):
            shown = tokens[prompt.begin :]
            pieces.append(prompt_pieces(vocabulary, [Token(token.id) for token in shown[:1]] + shown[1:]))
        done += len(scored)
        yield pieces


def _prompt_text(vocabulary: Vocabulary, request: Request, number: int) -> str:
    prompt = request.prompts[number]
    if prompt.text is not None:
        return prompt.text
    return prompt_pieces(vocabulary, [Token(token) for token in prompt.ids[prompt.begin :]]).text


def _show(vocabulary: Vocabulary, request: Request, choice: _Choice, piece: Piece) -> list[Event]:
    if not piece.text and not piece.tokens:
        return []
    shape = chat_logprobs_json if request.is_chat else logprobs_json
    logprobs = shape(vocabulary, piece) if request.logprobs is not None else None
    return [{"event": "token", "id": request.id, "index": _index(request, choice), "text": piece.text,
             "logprobs": logprobs}]


def _finish(vocabulary: Vocabulary, request: Request, choice: _Choice) -> list[Event]:
    # A completion's log probabilities include the end: programs that score texts count on an entry for every token.
    last = choice.row.tokens[-1] if choice.row.tokens and request.logprobs is not None and not request.is_chat else None
    piece = choice.stream.end(last) if last is not None and last.id in request.ends else choice.stream.finish()
    return [*_show(vocabulary, request, choice, piece),
            {"event": "finish", "id": request.id, "index": _index(request, choice), "finish_reason": choice.reason}]


def _index(request: Request, choice: _Choice) -> int:
    """Give a choice its number: prompt by prompt."""
    return choice.row.prompt * request.n + choice.row.choice

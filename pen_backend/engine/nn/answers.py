"""Answer one completion request: rows for a batch to write, and the events that a worker sends of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pen_backend.engine.nn.generation import Decoder, Options, Row, Token, score
from pen_backend.engine.nn.requests import Request
from pen_backend.engine.nn.textstream import Piece, TextStream, chat_logprobs_json, logprobs_json, prompt_pieces
from pen_backend.engine.nn.vocabulary import Vocabulary

Event = dict[str, Any]


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


class Answer:
    """A request in progress: what it shows so far is in `events`, until somebody takes that away.

    Choices are made when a batch has room for them, prompt by prompt.
    """

    def __init__(self, vocabulary: Vocabulary, request: Request, adapter: Path | None = None) -> None:
        self.request = request
        self.usage = Usage(prompt_tokens=sum(len(prompt.ids) for prompt in request.prompts))
        self.events: list[Event] = []
        self._vocabulary = vocabulary
        self._streams = request.best_of == request.n
        self.adapter = adapter
        self._options = Options(request.sampling, request.ends,
                                request.logprobs if self._streams else request.logprobs or 0, adapter)
        self._echoes = [Piece("")] * len(request.prompts)
        self._made = 0
        self._open: dict[Row, _Choice] = {}
        self._candidates: dict[int, list[_Choice]] = {}

    @property
    def done(self) -> bool:
        """Whether all choices are made and finished."""
        return not self._open and self._made == len(self.request.prompts) * self.request.best_of

    def read(self, decoder: Decoder) -> Iterator[None]:
        """Find what echo shows before each choice, scored if that is asked for, a batch of prompts at a time."""
        prompts = self.request.prompts
        if self.request.echo and self.request.logprobs is None:
            self._echoes = [Piece(self._prompt_text(i)) for i in range(len(prompts))]
        elif self.request.echo:
            found: list[Piece] = []
            for scored in score(decoder, [prompt.ids for prompt in prompts], logprobs=self.request.logprobs or 0,
                                adapter=self.adapter):
                for tokens in scored:
                    shown = tokens[prompts[len(found)].begin :]
                    found.append(prompt_pieces(self._vocabulary, [Token(token.id) for token in shown[:1]] + shown[1:]))
                yield
            self._echoes = found

    def next_row(self) -> Row | None:
        """Begin one more choice; those that are to have no tokens are finished at once."""
        request = self.request
        while self._made < len(request.prompts) * request.best_of:
            prompt, number = divmod(self._made, request.best_of)
            self._made += 1
            row = Row(request.prompts[prompt].ids, prompt, number, request.max_tokens, self._options)
            choice = _Choice(row, TextStream(self._vocabulary, request.stop, offset=len(self._prompt_text(prompt))))
            if self._streams:
                self._show(choice, self._echoes[prompt])
            if request.max_tokens:
                self._open[row] = choice
                return row
            self._end(choice)
        return None

    def taken(self, row: Row) -> None:
        """Show a row's new token; find out whether the row is finished, and why."""
        choice = self._open[row]
        token = row.tokens[-1]
        self.usage.completion_tokens += 1
        piece = Piece("")
        if token.id in self.request.ends:
            choice.reason = "stop"
        else:
            piece = choice.stream.feed(token)
            if choice.stream.stopped:
                choice.reason = "stop"
                row.finished = True
        if self._streams:
            self._show(choice, piece)
        else:
            choice.pieces.append(piece)
        if row.finished:
            del self._open[row]
            self._end(choice)

    def _end(self, choice: _Choice) -> None:
        """Finish a choice that is shown; of candidates show the best once all of a prompt's are there."""
        if self._streams:
            self._finish(choice)
            return
        candidates = self._candidates.setdefault(choice.row.prompt, [])
        candidates.append(choice)
        if len(candidates) < self.request.best_of:
            return
        del self._candidates[choice.row.prompt]
        best = sorted(candidates, key=lambda each: (-each.mean_logprob, each.row.choice))[: self.request.n]
        for place, each in enumerate(best):
            each.row.choice = place
            for piece in (self._echoes[each.row.prompt], *each.pieces):
                self._show(each, piece)
            self._finish(each)

    def _prompt_text(self, number: int) -> str:
        prompt = self.request.prompts[number]
        if prompt.text is not None:
            return prompt.text
        return prompt_pieces(self._vocabulary, [Token(token) for token in prompt.ids[prompt.begin :]]).text

    def _show(self, choice: _Choice, piece: Piece) -> None:
        if piece.text or piece.tokens:
            shape = chat_logprobs_json if self.request.is_chat else logprobs_json
            logprobs = shape(self._vocabulary, piece) if self.request.logprobs is not None else None
            self.events.append({"event": "token", "id": self.request.id, "index": self._index(choice),
                                "text": piece.text, "logprobs": logprobs})

    def _finish(self, choice: _Choice) -> None:
        # A completion's log probabilities include the end: programs that score texts count on an entry for every token.
        row, request = choice.row, self.request
        last = row.tokens[-1] if row.tokens and request.logprobs is not None and not request.is_chat else None
        ended = last is not None and last.id in request.ends
        self._show(choice, choice.stream.end(last) if last is not None and ended else choice.stream.finish())
        self.events.append({"event": "finish", "id": request.id, "index": self._index(choice),
                            "finish_reason": choice.reason})

    def _index(self, choice: _Choice) -> int:
        """Give a choice its number: prompt by prompt."""
        return choice.row.prompt * self.request.n + choice.row.choice

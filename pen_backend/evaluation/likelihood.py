"""How well a model predicts held-out completions: bits per byte, measured through the provider's own scores.

Over the tokens of completions with their end (the text's; not the end token that the trainer adds, which has no
bytes), not weighted by loss weights. Per example, sum(nll) / (ln 2 * UTF-8 bytes): only this compares models of
different vocabularies. Prompt and completion are encoded apart and sent as ids, as they were trained.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pen_backend import completion
from pen_backend.client import Client
from pen_backend.errors import CancelledError, DataError, UpstreamError
from pen_backend.records import Example
from pen_backend.tokens import Encoder

BATCH = 16  # examples in one request


@dataclass(frozen=True, slots=True)
class Scored:
    """One example's completion: its negative log-likelihood in nats, its tokens and bytes."""

    id: str
    nll: float
    tokens: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A model's figures over a held-out set; `left_out` examples were longer than its context."""

    model: str
    scored: tuple[Scored, ...]
    left_out: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of all completions."""
        return sum(each.tokens for each in self.scored)

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of all completions."""
        return sum(each.bytes for each in self.scored)

    @property
    def nll(self) -> float:
        """Negative log-likelihood per token, in nats."""
        return math.fsum(each.nll for each in self.scored) / self.tokens

    @property
    def bits_per_byte(self) -> float:
        """Bits a byte of text costs: lower is better."""
        return math.fsum(each.nll for each in self.scored) / (math.log(2) * self.bytes)


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    ids: tuple[int, ...]
    start: int
    bytes: int


def likelihood(client: Client, model: str, examples: Iterable[Example], encoder: Encoder, *,
               beginning: int | None = None, context: int | None = None,
               progress: Callable[[int], None] = lambda done: None,
               cancelled: Callable[[], bool] = lambda: False) -> Likelihood:
    """Score the completions of EXAMPLES; BEGINNING is the token that stands before a text without a prompt."""
    rows = [_row(example, encoder, beginning) for example in examples]
    fitting = [row for row in rows if row.start < len(row.ids) and (context is None or len(row.ids) <= context)]
    if not fitting:
        raise DataError("There is no held-out example to score.",
                        hint="Build with a larger share for validation." if not rows else
                        f"All are longer than the model's context of {context} tokens.")
    scored: list[Scored] = []
    for batch in _batches(fitting):
        if cancelled():
            raise CancelledError("The evaluation was cancelled.")
        for row, logprobs in zip(batch, completion.score(client, model, [row.ids for row in batch]), strict=True):
            scored.append(_score(row, logprobs))
        progress(len(scored))
    return Likelihood(model, tuple(scored), len(rows) - len(fitting))


def _row(example: Example, encoder: Encoder, beginning: int | None) -> _Row:
    if any(segment.role is not None for segment in example.segments):
        raise DataError("Likelihood of chats is not measured yet.", where=example.origin.source or None)
    # The first text is the prompt, whatever the loss weights are; a lone text is all completion.
    prompt, completions = ([], example.segments) if len(example.segments) == 1 else (
        encoder.encode(example.segments[0].text), example.segments[1:])
    if not prompt and beginning is not None:
        prompt = [beginning]
    ids = [*prompt, *(token for segment in completions for token in encoder.encode(segment.text))]
    # A first token has no condition, so nothing can score it: it then counts as prompt.
    start = max(len(prompt), 1)
    return _Row(example.id, tuple(ids), start, sum(len(segment.text.encode()) for segment in completions))


def _score(row: _Row, logprobs: Sequence[float | None]) -> Scored:
    wanted = logprobs[row.start:len(row.ids)]
    values = [value for value in wanted if value is not None]
    if len(values) != len(row.ids) - row.start or not values:
        raise UpstreamError("The provider gave no log-probabilities of the prompt, so likelihood is not available.")
    return Scored(row.id, -math.fsum(values), len(values), row.bytes)


def _batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Group rows of similar length, so that little of a batch is padding."""
    ordered = sorted(rows, key=lambda row: len(row.ids))
    for start in range(0, len(ordered), BATCH):
        yield ordered[start:start + BATCH]

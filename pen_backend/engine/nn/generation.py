"""Choices in the making, and how decoders take them a token further; whoever calls decides when the next step is."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from pen_backend.engine.nn.sampling import Sampling, Wish, draw_tokens, uniform

LOWEST = -9999.0
"""Stands for the logarithm of a probability that is 0 in the machine's numbers; JSON has no infinity."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and, if asked for, its natural log probability before any sampling option, with the likeliest others."""

    id: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What the choices of one request have in common: how to draw, what ends them, what to tell of each token."""

    sampling: Sampling
    ends: frozenset[int]
    logprobs: int | None = None
    adapter: Path | None = None


@dataclass(slots=True, eq=False)
class Row:
    """One choice in the making: its prompt, and which prompt and choice of the request it is."""

    prompt_ids: Sequence[int]
    prompt: int
    choice: int
    max_tokens: int
    options: Options
    tokens: list[Token] = field(default_factory=list)
    drawn: Counter[int] = field(default_factory=Counter)
    finished: bool = False


Part = tuple[Row, Sequence[int]]
"""A row, and the tokens of it that a decoder is to read next."""

Copy = Callable[[Row, Row], None]
"""Takes a row that was read, and the new one that begins like it."""


class Decoder(Protocol):
    """A model that keeps in mind what it has read of each row; `chunk` is how many tokens it takes of a prompt at once.

    `parallel` is how many rows it can keep in mind.
    """

    chunk: int
    parallel: int

    @property
    def copy(self) -> Copy | None:
        """Let a new row begin with all that has been read of another; None if each has to read for itself."""

    def feed(self, parts: Sequence[Part]) -> Tensor:
        """Read on in some rows; return the logits of what comes behind each, (B, V). New rows may join."""

    def leave(self, row: Row) -> None:
        """Forget a row."""

    def score(self, prompts: Sequence[Sequence[int]], adapter: Path | None) -> list[Tensor]:
        """Return the logits of each place of some texts, (T, V) for each."""


def take(rows: Sequence[Row], logits: Tensor) -> None:
    """Draw the next token of each row from its logits, (B, V); the rows know afterwards whether they are finished."""
    wishes = [Wish(row.options.sampling, row.drawn,
                   uniform(row.options.sampling.seed, row.prompt, row.choice, len(row.tokens))) for row in rows]
    drawn = draw_tokens(logits, wishes)
    for row, token in zip(rows, describe(logits, drawn, [row.options.logprobs for row in rows]), strict=True):
        row.tokens.append(token)
        row.drawn[token.id] += 1
        row.finished = token.id in row.options.ends or len(row.tokens) >= row.max_tokens


def describe(logits: Tensor, tokens: Sequence[int], logprobs: Sequence[int | None]) -> list[Token]:
    """Attach to tokens their log probabilities, and the likeliest others, from the untouched logits, (B, V)."""
    found = [Token(token) for token in tokens]
    asked = [i for i, count in enumerate(logprobs) if count is not None]
    if not asked:
        return found
    logs = torch.log_softmax(logits[asked].float(), dim=-1).clamp(min=LOWEST)
    own = logs.gather(1, torch.tensor([tokens[i] for i in asked], device=logs.device)[:, None])[:, 0].tolist()
    counts = [min(logprobs[i] or 0, logs.shape[1]) for i in asked]
    values, ids = (each.tolist() for each in logs.topk(max(counts)))
    for place, i in enumerate(asked):
        top = tuple(zip(ids[place][: counts[place]], values[place][: counts[place]], strict=True))
        found[i] = Token(tokens[i], own[place], top)
    return found


def generate(decoder: Decoder, rows: Sequence[Row], *, step: Callable[[], None] = lambda: None) -> None:
    """Write rows to their ends, all side by side; STEP is called before each step."""
    live = [row for row in rows if row.max_tokens > 0]
    parts: list[Part] = [(row, row.prompt_ids) for row in live]
    while live:
        step()
        take(live, decoder.feed(parts))
        for row in live:
            if row.finished:
                decoder.leave(row)
        live = [row for row in live if not row.finished]
        parts = [(row, (row.tokens[-1].id,)) for row in live]


def score(decoder: Decoder, prompts: Sequence[Sequence[int]], *, logprobs: int, adapter: Path | None = None
          ) -> Iterator[list[list[Token]]]:
    """Yield each prompt's tokens with their log probabilities, a batch at a time, in order; the first has none."""
    batch: list[Sequence[int]] = []
    for prompt in prompts:
        if batch and sum(map(len, batch)) + len(prompt) > decoder.chunk:
            yield _score_batch(decoder, batch, logprobs, adapter)
            batch = []
        batch.append(prompt)
    yield _score_batch(decoder, batch, logprobs, adapter)


def _score_batch(decoder: Decoder, prompts: Sequence[Sequence[int]], logprobs: int, adapter: Path | None
                 ) -> list[list[Token]]:
    scored = decoder.score(prompts, adapter)
    return [[Token(prompt[0]), *describe(logits[:-1], prompt[1:], [logprobs] * (len(prompt) - 1))]
            for prompt, logits in zip(prompts, scored, strict=True)]

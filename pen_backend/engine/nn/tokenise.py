"""Examples to tokens with exact weights.

Each segment is encoded alone, so no token straddles two weights, and the request side encodes the same prompt alone.
Every example ends with the end-of-text token, which carries the last segment's weight: so models learn to stop.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.records import Dialect, Example

CHUNK = 1024
Overlong = Literal["error", "drop", "truncate"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of tokens of one weight; `scored` ones count for accuracy (openai-api.md section 7)."""

    tokens: int
    weight: float
    scored: bool


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example as the model sees it; the spans cover its ids, the first BEGIN of which are no text.

    A window holds several documents: `starts` are the places, after 0, where one begins; the model forgets there.
    """

    ids: "array[int]"
    spans: tuple[Span, ...]
    begin: int = 0
    starts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def tokens(self) -> int:
        """Count its tokens."""
        return len(self.ids)

    @property
    def weight_sum(self) -> float:
        """Sum the weights of the targets: every token but the first, which nothing predicts."""
        first, *rest = self.spans
        return math.fsum([first.weight * (first.tokens - 1), *(span.weight * span.tokens for span in rest)])

    @property
    def scored(self) -> int:
        """Count the targets that accuracy looks at."""
        return sum(span.tokens for span in self.spans if span.scored) - self.spans[0].scored

    @property
    def prompt(self) -> "array[int]":
        """Return the ids before the last span: what a sample may start from."""
        return self.ids[: len(self.ids) - self.spans[-1].tokens]


def scored_segments(dialect: Dialect, weights: Sequence[float]) -> list[bool]:
    """Tell which segments accuracy looks at: completions, in text lists the heaviest, in data strings all."""
    if dialect == "prompt-completion":
        return [False] * (len(weights) - 1) + [weights[-1] > 0]
    return [weight > 0 and weight == max(weights) for weight in weights]


def encode_examples(examples: Iterable[tuple[Dialect, Example]], vocabulary: Vocabulary) -> Iterator[Encoded]:
    """Encode examples one after the other, in the order given; the tokenizer is fed in bulk."""
    stream = iter(examples)
    while chunk := list(islice(stream, CHUNK)):
        pieces = iter(vocabulary.encode_many([segment.text for _, example in chunk for segment in example.segments]))
        for dialect, example in chunk:
            yield _assemble(dialect, example, [next(pieces) for _ in example.segments], vocabulary)


def _assemble(dialect: Dialect, example: Example, pieces: list[list[int]], vocabulary: Vocabulary) -> Encoded:
    weights = [segment.weight for segment in example.segments]
    begin = vocabulary.begins(has_prompt=any(pieces[:-1]))
    spans = [Span(len(begin), 0.0, scored=False)] if begin else []
    spans += [Span(len(piece), weight, scored) for piece, weight, scored
              in zip(pieces, weights, scored_segments(dialect, weights), strict=True) if piece]
    if pieces[-1]:
        spans[-1] = replace(spans[-1], tokens=spans[-1].tokens + 1)
    else:
        spans.append(Span(1, weights[-1], scored_segments(dialect, weights)[-1]))
    ids = array("i", begin)
    for piece in pieces:
        ids.extend(piece)
    ids.append(vocabulary.eos)
    return Encoded(ids, tuple(spans), len(begin))


def between(example: Encoded, start: int, stop: int) -> Encoded:
    """Take the tokens from START up to STOP as an example of their own; nothing predicts its first one."""
    place, spans = 0, []
    for span in example.spans:
        tokens = min(place + span.tokens, stop) - max(place, start)
        if tokens > 0:
            spans.append(replace(span, tokens=tokens))
        place += span.tokens
    return Encoded(example.ids[start:stop], tuple(spans), max(0, example.begin - start),
                   tuple(place - start for place in example.starts if start < place < stop))


def fit(example: Encoded, limit: int) -> Encoded | None:
    """Cut a too long example to LIMIT tokens: its prompt from the start, a lone text from the end, else None."""
    excess = len(example) - limit
    if excess <= 0:
        return example
    begin, texts, last = example.spans[: example.begin], list(example.spans[example.begin :]), example.spans[-1]
    if len(texts) == 1:
        spans = (*begin, replace(last, tokens=last.tokens - excess))
        return Encoded(example.ids[:limit], spans, example.begin) if last.tokens > excess else None
    if example.begin + last.tokens >= limit:
        return None
    left = excess
    while left >= texts[0].tokens:
        left -= texts.pop(0).tokens
    texts[0] = replace(texts[0], tokens=texts[0].tokens - left)
    ids = example.ids[: example.begin] + example.ids[example.begin + excess :]
    return Encoded(ids, (*begin, *texts), example.begin)

"""Examples to tokens with exact weights.

Each segment is encoded alone, so no token straddles two weights, and the request side encodes the same prompt alone.
Every example ends with the end-of-text token, which carries the last segment's weight: so models learn to stop. Chats
whose template ends the text itself get no second end.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from pen_backend.engine.nn.chat import chat_begin, encode_segments
from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.records import Dialect, Example, Segment

CHUNK = 1024
CHATS: frozenset[Dialect] = frozenset({"chat", "sharegpt"})


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
    def longest(self) -> int:
        """Count the tokens that the model reads at once: all."""
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


def scored_segments(dialect: Dialect, segments: Sequence[Segment]) -> list[bool]:
    """Tell which segments accuracy looks at: completions, answers of chats, in text lists the heaviest, in data all."""
    if dialect in CHATS:
        return [segment.role == "assistant" and segment.weight > 0 for segment in segments]
    if dialect in ("prompt-completion", "alpaca"):
        return [False] * (len(segments) - 1) + [segments[-1].weight > 0]
    heaviest = max(segment.weight for segment in segments)
    return [segment.weight > 0 and segment.weight == heaviest for segment in segments]


def encode_examples(examples: Iterable[tuple[Dialect, Example]], vocabulary: Vocabulary) -> Iterator[Encoded]:
    """Encode examples one after the other, in the order given; the tokenizer is fed in bulk.

    The segments of a chat are those that its model's format makes of its messages (chat.py).
    """
    stream = iter(examples)
    while chunk := list(islice(stream, CHUNK)):
        pieces = iter(encode_segments([segment for _, example in chunk for segment in example.segments], vocabulary))
        for dialect, example in chunk:
            yield _assemble(dialect, example, [next(pieces) for _ in example.segments], vocabulary)


def _assemble(dialect: Dialect, example: Example, pieces: list[list[int]], vocabulary: Vocabulary) -> Encoded:
    weights = [segment.weight for segment in example.segments]
    scored = scored_segments(dialect, example.segments)
    text = [token for piece in pieces for token in piece]
    begin = chat_begin(text, vocabulary) if dialect in CHATS else vocabulary.begins(has_prompt=any(pieces[:-1]))
    spans = [Span(len(begin), 0.0, scored=False)] if begin else []
    spans += [Span(len(piece), weight, counts) for piece, weight, counts
              in zip(pieces, weights, scored, strict=True) if piece]
    end = [] if dialect in CHATS and _has_ended(text, vocabulary) else [vocabulary.eos]
    if end and pieces[-1]:
        spans[-1] = replace(spans[-1], tokens=spans[-1].tokens + 1)
    elif end:
        spans.append(Span(1, weights[-1], scored[-1]))
    spans = _joined(spans) if dialect in CHATS else spans
    return Encoded(array("i", [*begin, *text, *end]), tuple(spans), len(begin))


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Make neighbours of one weight one span: the words of a chat's turn and what ends it are learned together."""
    return [Span(sum(span.tokens for span in group), weight, scored)
            for (weight, scored), group in groupby(spans, key=lambda span: (span.weight, span.scored))]


def _has_ended(text: Sequence[int], vocabulary: Vocabulary) -> bool:
    """Tell whether a template has ended the text itself; white space may follow its end."""
    last = next((token for token in reversed(text) if vocabulary.token_bytes(token).strip()), None)
    return last in vocabulary.ends


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

"""Make an example that is too long fit, or drop it: by tokens, with the vocabulary that will train."""

from collections.abc import Callable, Iterator, Sequence

from pen_backend.dataset.record import place
from pen_backend.errors import TooLargeError
from pen_backend.prompts.training import ExampleSpec
from pen_backend.records import Example, Segment, make_example
from pen_backend.tokens import Encoder

Count = Callable[[Sequence[Segment]], list[int]]
Counted = tuple[Example, list[int]]
_SIGNS = 8  # characters a token has at first sight; texts that have more are looked at again


class Lengths:
    """What a definition says about long examples; PROMPT_END must stay at the end of a prompt that is cut."""

    def __init__(self, spec: ExampleSpec, encoder: Encoder, count: Count, prompt_end: str = "") -> None:
        self._most = spec.max_tokens or 0
        self._overlong = spec.overlong
        self._encoder = encoder
        self._count = count
        self._prompt_end = prompt_end

    def fit(self, example: Example, tokens: Sequence[int]) -> list[Counted]:
        """Return what becomes of an example with more than `max-tokens` TOKENS; nothing of one that is dropped.

        TooLargeError if the definition wants to know.
        """
        if self._overlong == "error":
            raise TooLargeError(f"The example has {sum(tokens)} tokens, more than {self._most}.",
                                where=place(example.origin), hint="Raise max-tokens, or set `overlong: drop`.")
        if example.segments[0].role is not None or example.rejected is not None:
            return []  # a turn, or an answer beside another one, means nothing when it is cut
        if self._overlong == "truncate":
            return self._truncated(example, tokens)
        if self._overlong == "split" and len(example.segments) == 1:
            return self._split(example)
        return []

    def _truncated(self, example: Example, tokens: Sequence[int]) -> list[Counted]:
        """Cut tokens off the prompt's start, never off a completion, and never into the prompt's end."""
        first, *others = example.segments
        allowed = self._most - sum(tokens[1:])
        if not others:
            return []
        ids = self._encoder.encode(first.text)
        keep = min(allowed, len(ids))
        end = self._prompt_end if first.text.endswith(self._prompt_end) else ""
        while keep > 0:
            text = _end_of(first.text, self._encoder.decode(ids[-keep:]))
            if len(text) <= len(end):
                break
            number = self._count([Segment(text)])[0]
            if number <= allowed:
                return [(_with(example, [Segment(text, first.weight), *others]), [number, *tokens[1:]])]
            keep -= number - allowed  # where a text is cut, other tokens may begin
        return []

    def _split(self, example: Example) -> list[Counted]:
        """Cut a text into pieces, whose join is the text; behind a line break or a space where there is one."""
        (segment,) = example.segments
        pieces = [Segment(piece, segment.weight) for piece in self._pieces(segment.text)]
        counted = [(_with(example, [piece]), self._count([piece])) for piece in pieces]
        return counted if all(sum(tokens) <= self._most for _, tokens in counted) else []

    def _pieces(self, text: str) -> Iterator[str]:
        begin = 0
        while begin < len(text):
            size = self._size(text, begin)
            yield text[begin:begin + size]
            begin += size

    def _size(self, text: str, begin: int) -> int:
        """Return how many characters from BEGIN on fit, one at least."""
        window = self._most * _SIGNS
        ids = self._encoder.encode(text[begin:begin + window])
        while len(ids) <= self._most and begin + window < len(text):
            window *= 2
            ids = self._encoder.encode(text[begin:begin + window])
        if len(ids) <= self._most:
            return len(text) - begin
        for number in range(self._most, 0, -1):
            start = self._encoder.decode(ids[:number])
            if text.startswith(start, begin):  # else a character is cut in two
                start = _at_a_gap(start)
                if self._encoder.count(start) <= self._most:
                    return max(len(start), 1)
        return 1


def _at_a_gap(text: str) -> str:
    """Shorten a text to its last line break, else its last space, unless that is in its first half."""
    for gap in ("\n", " "):
        if (place := text.rfind(gap) + 1) > len(text) // 2:
            return text[:place]
    return text


def _end_of(whole: str, end: str) -> str:
    """Return an end of a text without the halves of a character that decoding may have put before it."""
    while end and not whole.endswith(end):
        end = end[1:]
    return end


def _with(example: Example, segments: Sequence[Segment]) -> Example:
    return make_example(segments, origin=example.origin, label=example.label, group=example.group, meta=example.meta)

"""Look at each example before it is written: its boundary, its ends, its length, what of it would be learned."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pen_backend.dataset import boundary, chats
from pen_backend.dataset.checks import Checks
from pen_backend.dataset.classes import LIMIT, example_label
from pen_backend.dataset.items import plain_text
from pen_backend.dataset.lengths import Count, Counted, Lengths
from pen_backend.dataset.record import Item, Rejected, Side, place
from pen_backend.errors import Finding, TooLargeError
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.training import TrainingSpec
from pen_backend.records import Example
from pen_backend.tokens import Encoder
from pen_backend.words import count

_BOUNDARY_SAMPLE = 1_000  # rows whose tokens are also counted joined


class Inspector:
    """The checks of single examples, and what they have counted."""

    def __init__(self, definition: Definition, spec: TrainingSpec, encoder: Encoder, checks: Checks,
                 counter: Count) -> None:
        self._definition = definition
        self._encoder = encoder
        self._checks = checks
        self._count = counter
        self._classes = definition.class_map
        self._boundary = spec.example.boundary
        self._min_tokens = spec.example.min_tokens
        self._most = spec.example.max_tokens if checks.level("length") != "off" else None
        self._lengths = Lengths(spec.example, encoder, counter, definition.format.prompt_end)
        self._end = definition.format.completion_end if checks.level("end-inside") != "off" else None
        # Where texts that the model writes stand among the segments of a row, and whether the end follows them.
        self._written = tuple((index, piece.last) for index, piece in enumerate(definition.pieces)
                              if piece.generate and piece.role is None)
        self._found: dict[str, tuple[int, str]] = {}  # how often what was found, and where first
        self._repaired = self._sampled = self._torn = 0
        self.labels: Mapping[Side, Counter[str]] = {"train": Counter(), "valid": Counter()}

    def finished(self, example: Example) -> Example:
        """Test or repair the boundary of an example that came as it is."""
        if self._boundary == "keep" or boundary.fits(self._definition, example):
            return example
        if self._boundary == "repair":
            self._repaired += 1
            return boundary.repaired(self._definition, example)
        self._note("boundary", example)
        return example

    @property
    def has_sampled(self) -> bool:
        """Say whether enough rows were looked at as a whole, so that each further one may be looked at by `passes`."""
        return self._sampled >= _BOUNDARY_SAMPLE and self._classes is None and not self._min_tokens

    def passes(self, texts: Sequence[str], tokens: Sequence[int]) -> bool:
        """Say that `inspect` would find nothing in a row of TEXTS without roles, the last of which is learned."""
        if self._most is not None and sum(tokens) > self._most:
            return False
        return tokens[-1] > 0 and (self._end is None or not self._end_inside(texts, self._end))

    def inspect(self, example: Example, item: Item, side: Side) -> list[Counted] | Rejected:
        """Return an example with the tokens of its segments, as one or several that fit, or why it is dropped."""
        if self._end is not None and self._ends_inside(example, self._end, finished=item.example is not None):
            if self._checks.level("end-inside") == "error":
                return item.reject("end-inside", "the completion contains completion-end")
            self._note("end-inside", example)
        for name, least in self._min_tokens.items() if item.example is None else ():
            if (number := self._encoder.count(plain_text(item.fields.get(name)))) < least:
                return item.reject("too-short", f"{name} has {count(number, 'token')}, fewer than {least}")
        tokens = self._count(example.segments)
        ready = [(example, tokens)]
        if self._most is not None and (total := sum(tokens)) > self._most:
            if self._checks.level("length") == "warn":
                self._note("length", example)
            elif not (ready := self._lengths.fit(example, tokens)):
                return item.reject("too-long", f"the example has {total} tokens, more than {self._most}")
        if (not tokens[-1] or not example.segments[-1].weight) and (masked := self._masked(ready, item)):
            return masked
        if example.segments[0].role is not None:
            for remark in chats.remarks(example.segments) if self._checks.level("chat") != "off" else ():
                self._note(remark, example)
        elif self._sampled < _BOUNDARY_SAMPLE and len(tokens) > 1:
            self._sampled += 1
            self._torn += self._encoder.count("".join([one.text for one in example.segments])) != sum(tokens)
        if self._classes is not None:
            label = example_label(self._definition, example)
            if label is not None:
                self._enter_label(label.strip(), side, len(ready))
            elif self._classes.labels is not None and self._boundary != "keep":
                return item.reject("label-unknown", f"the completion is none of the {len(self._classes.labels)} labels")
        return ready

    def _enter_label(self, label: str, side: Side, number: int) -> None:
        self.labels[side][label] += number
        if len(self.labels[side]) > LIMIT:
            raise TooLargeError(f"There are more than {LIMIT:,} different labels.",
                                where=self._definition.where("classes"), hint="Is the right variable the label?")

    def findings(self) -> Iterator[Finding]:
        """Say what was found, and how often."""
        found = self._found
        if "boundary" in found:
            number, first = found["boundary"]
            yield Finding("boundary", f"{count(number, 'row')} without the beginning or end that "
                          f"{self._definition.name} gives", first, "set `boundary: repair`", "warning")
        if self._repaired:
            yield Finding("boundary", f"{count(self._repaired, 'row')} given the boundary of {self._definition.name}",
                          level="note")
        for name, message in (("end-inside", "whose completion contains completion-end: answers will be cut there"),
                              ("length", f"with more tokens than max-tokens ({self._most})"),
                              ("all-masked", "of which nothing will be learned")):
            if name in found:
                number, first = found[name]
                yield self._checks.finding(name, f"{count(number, 'example')} {message}", first)
        if self._checks.level("boundary-tokens") != "off" and self._sampled and (
                self._torn > self._checks.limit("boundary-tokens") * self._sampled):
            yield self._checks.finding(
                "boundary-tokens", f"in {self._torn} of the first {self._sampled} rows the prompt's last token would "
                "merge with the completion's first",
                hint="end the prompt with a line break, or begin the completion with a space")
        for remark, message in chats.REMARKS.items():
            if remark in found:
                number, first = found[remark]
                yield self._checks.finding("chat", f"{count(number, 'chat')} with {message}", first)

    def _ends_inside(self, example: Example, end: str, *, finished: bool) -> bool:
        """Say whether an answer would be cut before its own end."""
        segments = example.segments
        if finished:  # of a text alone nobody knows where an answer begins; a chat has its own end
            text = segments[-1].text
            return (self._boundary != "keep" and len(segments) > 1 and segments[0].role is None
                    and text.find(end) not in (-1, len(text) - len(end)))
        return self._end_inside([segment.text for segment in segments], end)

    def _end_inside(self, texts: Sequence[str], end: str) -> bool:
        for index, last in self._written:
            text = texts[index]
            if text.find(end) != len(text) - len(end) if last else end in text:
                return True
        return False

    def _masked(self, ready: Sequence[Counted], item: Item) -> Rejected | None:
        """Reject an example of which nothing would be learned."""
        level = self._checks.level("all-masked")
        if level == "off" or any(number and segment.weight for example, tokens in ready
                                 for segment, number in zip(example.segments, tokens, strict=True)):
            return None
        if level == "error":
            return item.reject("all-masked", "no token has a weight above 0")
        self._note("all-masked", ready[0][0])
        return None

    def _note(self, name: str, example: Example) -> None:
        number, first = self._found.get(name, (0, ""))
        self._found[name] = number + 1, first or place(example.origin)

"""Rows as they stand between two remedies: the kind of task, and the boundary in use."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pen_backend.dataset.prepare import endings
from pen_backend.dataset.prepare.found import Boundary, Row

Kind = Literal["open-ended", "conditional", "classification"]
_BLANKS = " \t"


@dataclass(frozen=True)
class State:
    """Rows, and what can be learned from all of them together; GIVEN is a definition's boundary.

    LABELLED: they are part of a classification.
    """

    rows: Sequence[Row]
    given: Boundary | None = None
    labelled: bool = False

    @cached_property
    def kind(self) -> Kind:
        """What is learned: texts by themselves, answers to prompts, or few labels for many prompts."""
        if not any(prompt.strip() for prompt in self.prompts):
            return "open-ended"
        return "classification" if self.labelled or len(self.labels) * 3 < len(self.rows) else "conditional"

    @cached_property
    def prompts(self) -> list[str]:
        """The prompts."""
        return [row.prompt for row in self.rows]

    @cached_property
    def completions(self) -> list[str]:
        """The completions."""
        return [row.completion for row in self.rows]

    @cached_property
    def labels(self) -> frozenset[str]:
        """The different completions, white space around them aside."""
        return frozenset(completion.strip() for completion in self.completions)

    @cached_property
    def alone(self) -> bool:
        """Say that there is one row, whose whole text is its own common ending."""
        return len(self.rows) == 1

    @cached_property
    def prompt_ending(self) -> str:
        """What all prompts end in, separator or not."""
        return endings.common_ending(self.prompts)

    @cached_property
    def prompt_end(self) -> str:
        """The separator that all prompts end in, blanks after it aside; empty if there is none."""
        if self.given is not None:
            end = self.given.prompt_end
            return end if all(prompt.endswith(end) for prompt in self.prompts) else ""
        if self.kind == "open-ended":
            return ""
        return next(iter(endings.separators(self.prompt_ending, endings.PROMPT_ENDS, alone=self.alone)), "")

    @cached_property
    def has_blanks(self) -> bool:
        """Say whether spaces stand behind the separator, where they would change the completion's first token."""
        return bool(self.prompt_end) and self.prompt_ending.endswith(tuple(_BLANKS))

    @cached_property
    def completion_end(self) -> str:
        """The end that all completions have and that is nowhere else in them; empty if there is none."""
        if self.given is not None:
            end = self.given.completion_end
            return end if all(completion.endswith(end) for completion in self.completions) else ""
        ending = endings.common_ending(self.completions)
        if ending.endswith(tuple(_BLANKS)):
            return ""
        # The names of classes may well end in a sign: A-, C#.
        listed = [one for one in endings.COMPLETION_ENDS if one != "."] + [endings.LAST_COMPLETION_END]
        found = endings.separators(ending, listed, symbols=self.kind == "conditional", alone=self.alone)
        for end in found:
            if end != self.prompt_end and not any(end in core for core in _cores(self.completions, end)):
                return end
        # A full stop is the end of a sentence, unless it is just what would be recommended if it were not there.
        if ending.endswith(".") and endings.completion_end(_cores(self.completions, "."), self.prompt_end) == ".":
            return "."
        return ""

    @cached_property
    def prompt_cores(self) -> list[str]:
        """The prompts without their separator."""
        prompts = [prompt.rstrip(_BLANKS) for prompt in self.prompts] if self.has_blanks else self.prompts
        return [prompt.removesuffix(self.prompt_end) for prompt in prompts]

    @cached_property
    def completion_cores(self) -> list[str]:
        """The completions without their end."""
        return [completion.removesuffix(self.completion_end) for completion in self.completions]

    @property
    def boundary(self) -> Boundary:
        """The boundary in use."""
        if self.given is not None:
            return self.given
        spaced = all(completion.startswith(" ") for completion in self.completions)
        return Boundary(self.prompt_end, " " if spaced else "", self.completion_end)


def _cores(texts: Sequence[str], end: str) -> list[str]:
    return [text.removesuffix(end).rstrip() for text in texts]

"""The three forms of a prompt's text, prompt with completion, segments, messages, as one list of pieces.

A run is what stands together without a change between reading and writing: a prompt, then its completion. The format
gives every run its boundary, so that prompt and completion are short for two segments.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pen_backend.prompts.placeholders import Parts
from pen_backend.prompts.schema import Flag, Model, Name, Number, Problem, Text
from pen_backend.prompts.training import weights_problem
from pen_backend.prompts.yaml import Path

FORMS = ("prompt", "messages", "segments")
Role = Literal["system", "developer", "user", "assistant"]


class Format(Model):
    """The boundary between prompt and completion, written once."""

    prompt_end: Text = ""
    completion_start: Text = ""
    completion_end: Name | None = None


class Segment(Model):
    """One text of several; `generate` says that the model writes it, `weight` how much it counts in training."""

    text: Text
    weight: Annotated[float, Number(0)] | None = None
    generate: Flag = False


class Message(Model):
    """One turn of a chat; the last one is the completion if it is the assistant's."""

    role: Role
    content: Text


@dataclass(frozen=True, slots=True)
class Piece:
    """One text of a definition, split: where it stands, whether the model writes it, and its place in its run.

    `bounded` says that prompt-end follows it if it is read: nothing is generated after a last text that is read.
    """

    path: Path
    parts: Parts
    generate: bool
    role: Role | None = None
    weight: float | None = None
    first: bool = True
    last: bool = True
    bounded: bool = True


def with_runs(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Find where each run begins and ends."""
    found = []
    for index, piece in enumerate(pieces):
        before, after = pieces[index - 1] if index else None, pieces[index + 1] if pieces[index + 1:] else None
        later = any(other.generate for other in pieces[index + 1:])
        opening = not any(other.generate for other in pieces[:index])
        found.append(Piece(
            piece.path, piece.parts, piece.generate, piece.role, piece.weight,
            first=before is None or before.generate != piece.generate,
            last=after is None or after.generate != piece.generate, bounded=later or opening))
    return tuple(found)


def completion_hint(segments: Sequence[Segment] | None, messages: Sequence[Message] | None) -> str:
    """Say how a definition of this form gets a completion."""
    if segments is not None:
        return "give a segment `generate: true`"
    return "add `completion:`" if messages is None else "end messages with a turn of the assistant"


def problems(segments: Sequence[Segment] | None, messages: Sequence[Message] | None,
             given: Collection[str]) -> Iterator[Problem]:
    """Check what needs more than one segment or message, and other keys that are GIVEN."""
    form = "segments" if segments is not None else "messages"
    if segments is None and messages is None:
        return
    if "completion" in given:
        yield Problem("form", ("completion",), f"{form} hold the completion too",
                      "make it the first segment with `generate: true`" if segments is not None
                      else "make it the last message, of the assistant", at_key=True)
    if segments is not None:
        if not segments or segments[0].generate:
            yield Problem("form", ("segments",), "segments: the first one is what the model reads, so it cannot be "
                          "generated" if segments else "segments: there is none")
        weights = [segment.weight for segment in segments if segment.weight is not None]
        if weights and len(weights) == len(segments) and (wrong := weights_problem(tuple(weights), len(segments))):
            yield Problem("weights", ("segments",), f"segments: {wrong}")
    if messages is not None:
        if "format" in given:
            yield Problem("form", ("format",), "the model's chat template is the boundary of messages",
                          "remove format", at_key=True)
        if messages and messages[0].role == "assistant" and len(messages) == 1:
            yield Problem("form", ("messages",), "messages: the only one is the completion, so nothing would be read")
        elif not any(message.role == "user" for message in messages):
            yield Problem("form", ("messages",), "messages: there is none of the user")
        for index, message in enumerate(messages):
            if index and message.role in ("system", "developer"):
                yield Problem("form", ("messages", index, "role"), f"messages[{index}]: only the first message can be "
                              f"of the {message.role}")

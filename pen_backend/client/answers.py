"""What a provider answers a completion with, as small records, read with care: openai takes answers of any shape."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pen_backend.errors import UpstreamError


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Make what is missing in an answer, or of another type, the provider's fault: UpstreamError."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError):
        raise UpstreamError("The provider's answer is not of the shape that OpenAI's have.",
                            hint="Check the provider's address; `pen engine check` says what it can do.") from None


def typed(kind: type, *values: object) -> None:
    """Raise TypeError unless all VALUES are of one KIND."""
    for value in values:
        if not isinstance(value, kind):
            raise TypeError


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one candidate of a stream; the last of each has the finish reason."""

    index: int
    text: str
    finish_reason: str | None = None

    def __post_init__(self) -> None:
        typed(int, self.index)
        typed(str, self.text, self.finish_reason or "")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int

    def __post_init__(self) -> None:
        typed(int, self.prompt_tokens, self.completion_tokens)


@dataclass(frozen=True, slots=True)
class Choice:
    """One whole candidate; LOGPROBS as the provider's object, when asked for."""

    index: int
    text: str
    finish_reason: str
    logprobs: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        typed(int, self.index)
        typed(str, self.text, self.finish_reason)


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer."""

    model: str
    choices: tuple[Choice, ...]
    usage: Usage


def text_of(choice: Any) -> str:
    """Return the text of a choice: of a completion, of a chat's message, or of a piece of one."""
    if hasattr(choice, "text"):
        return choice.text or ""
    said = getattr(choice, "delta", None) or getattr(choice, "message", None)
    return (said.content if said is not None else None) or ""

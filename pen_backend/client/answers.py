"""What a provider answers a completion with, as small records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one candidate of a stream; the last of each has the finish reason."""

    index: int
    text: str
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One whole candidate; LOGPROBS as the provider's object, when asked for."""

    index: int
    text: str
    finish_reason: str
    logprobs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer."""

    model: str
    choices: tuple[Choice, ...]
    usage: Usage

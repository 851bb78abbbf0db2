"""What a worker is asked to generate: the `generate` frame, read and checked against the model."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pen_backend.engine.nn.sampling import Sampling
from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.errors import BadParamsError


class RequestError(BadParamsError):
    """A request the model cannot answer; `code` and `param` go into the HTTP error."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as ids, the first BEGIN of which were not asked for, and its text if it was given as text."""

    ids: tuple[int, ...]
    begin: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One completion request; of `best_of` candidates for each prompt the best `n` are answered."""

    id: str
    prompts: tuple[Prompt, ...]
    max_tokens: int
    n: int
    best_of: int
    stop: tuple[str, ...]
    logprobs: int | None
    echo: bool
    sampling: Sampling


def read_request(frame: Mapping[str, Any], vocabulary: Vocabulary, context_length: int) -> Request:
    """Read a `generate` frame; the server has checked its types, only the model knows the rest."""
    max_tokens = _given(frame, "max_tokens", 16)
    n = _given(frame, "n", 1)
    given = frame.get("prompts")
    prompts = tuple(_prompt(item, vocabulary) for item in ([""] if given is None else given))
    for prompt in prompts:
        if len(prompt.ids) + max_tokens > context_length:
            raise RequestError("context_length_exceeded", f"The prompt has {len(prompt.ids)} tokens and max_tokens is "
                               f"{max_tokens}, together above the model's context of {context_length} tokens.",
                               "prompt")
    bias = {int(token): float(value) for token, value in (frame.get("logit_bias") or {}).items()}
    _in_vocabulary(bias, vocabulary, "logit_bias")
    seed = frame.get("seed")
    return Request(
        id=frame["id"], prompts=prompts, max_tokens=max_tokens, n=n, best_of=max(n, _given(frame, "best_of", n)),
        stop=tuple(_stops(frame.get("stop"))), logprobs=frame.get("logprobs"), echo=bool(frame.get("echo")),
        sampling=Sampling(
            temperature=_given(frame, "temperature", 1.0), top_p=_given(frame, "top_p", 1.0),
            presence_penalty=_given(frame, "presence_penalty", 0.0),
            frequency_penalty=_given(frame, "frequency_penalty", 0.0), logit_bias=bias,
            seed=secrets.randbits(63) if seed is None else seed))


def _prompt(item: str | list[int], vocabulary: Vocabulary) -> Prompt:
    if isinstance(item, str):
        ids = vocabulary.prompt_ids(item)
        return Prompt(tuple(ids), len(vocabulary.begins(has_prompt=len(ids) > 1)), item)
    _in_vocabulary(item, vocabulary, "prompt")
    return Prompt(tuple(item), 0, None) if item else Prompt(tuple(vocabulary.prompt_ids("")), 1, None)


def _in_vocabulary(ids: Mapping[int, float] | list[int], vocabulary: Vocabulary, param: str) -> None:
    for token in ids:
        if not 0 <= token < vocabulary.size:
            raise RequestError("invalid_value", f"Token {token} is not in the model's vocabulary of "
                               f"{vocabulary.size} tokens.", param)


def _given(frame: Mapping[str, Any], key: str, default: Any) -> Any:
    """Return an option's value; null means its default."""
    value = frame.get(key)
    return default if value is None else value


def _stops(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []

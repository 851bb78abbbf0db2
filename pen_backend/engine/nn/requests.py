"""What a worker is asked to generate: the `generate` frame, read and checked against the model."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pen_backend.engine.nn.chat import ChatFormat
from pen_backend.engine.nn.rendering import TemplateError
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
    """One completion request; of `best_of` candidates for each prompt the best `n` are answered.

    A chat has one prompt, its messages; MAX_TOKENS counts from a prompt's end, ENDS are the tokens that end an answer.
    """

    id: str
    prompts: tuple[Prompt, ...]
    max_tokens: int
    ends: frozenset[int]
    n: int
    best_of: int
    stop: tuple[str, ...]
    logprobs: int | None
    echo: bool
    sampling: Sampling
    is_chat: bool = False


def read_request(frame: Mapping[str, Any], vocabulary: Vocabulary, context_length: int, chat: ChatFormat) -> Request:
    """Read a `generate` frame; the server has checked its types, only the model knows the rest."""
    n = _given(frame, "n", 1)
    given, is_chat = frame.get("prompts"), frame.get("messages") is not None
    prompts = (_chat_prompt(frame, chat, context_length),) if is_chat else \
        tuple(_prompt(item, vocabulary, context_length) for item in ([""] if given is None else given))
    max_tokens = _given(frame, "max_tokens", context_length - len(prompts[0].ids) if is_chat else 16)
    for prompt in prompts:
        if len(prompt.ids) + max_tokens > context_length:
            raise RequestError("context_length_exceeded", f"The prompt has {len(prompt.ids)} tokens and max_tokens is "
                               f"{max_tokens}, together above the model's context of {context_length} tokens.",
                               "messages" if is_chat else "prompt")
    bias = {int(token): float(value) for token, value in (frame.get("logit_bias") or {}).items()}
    _in_vocabulary(bias, vocabulary, "logit_bias")
    seed = frame.get("seed")
    stops = _stops(frame.get("stop"))
    return Request(
        id=frame["id"], prompts=prompts, max_tokens=max_tokens, ends=chat.ends if is_chat else vocabulary.ends, n=n,
        best_of=max(n, _given(frame, "best_of", n)), stop=(*stops, *(chat.stops if is_chat else ())),
        logprobs=frame.get("logprobs"), echo=bool(frame.get("echo")), is_chat=is_chat,
        sampling=Sampling(
            temperature=_given(frame, "temperature", 1.0), top_p=_given(frame, "top_p", 1.0),
            presence_penalty=_given(frame, "presence_penalty", 0.0),
            frequency_penalty=_given(frame, "frequency_penalty", 0.0), logit_bias=bias,
            seed=secrets.randbits(63) if seed is None else seed))


def _prompt(item: str | list[int], vocabulary: Vocabulary, context_length: int) -> Prompt:
    if isinstance(item, str):
        if len(item) > context_length and (least := vocabulary.least_tokens(item)) > context_length:
            raise RequestError("context_length_exceeded", f"The prompt has at least {least} tokens, above the model's "
                               f"context of {context_length} tokens.", "prompt")
        ids = vocabulary.prompt_ids(item)
        return Prompt(tuple(ids), len(vocabulary.begins(has_prompt=len(ids) > 1)), item)
    _in_vocabulary(item, vocabulary, "prompt")
    return Prompt(tuple(item), 0, None) if item else Prompt(tuple(vocabulary.prompt_ids("")), 1, None)


def _chat_prompt(frame: Mapping[str, Any], chat: ChatFormat, context_length: int) -> Prompt:
    """Write a chat as the model does, up to where its answer begins."""
    tools = frame.get("tools")
    if tools and not chat.takes_tools:
        raise RequestError("unsupported_parameter", "The model's chat template takes no tools.", "tools")
    try:
        ids = chat.prompt(frame["messages"], tools)
    except TemplateError as error:
        text = str(error)
        raise RequestError("invalid_value", f"{text[:1].upper()}{text[1:]}.", "messages") from error
    if len(ids) >= context_length:
        raise RequestError("context_length_exceeded", f"The messages have {len(ids)} tokens; the model's context of "
                           f"{context_length} tokens leaves no room for an answer.", "messages")
    return Prompt(tuple(ids), 0, "")


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

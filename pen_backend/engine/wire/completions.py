"""Completions: the request, checked; the answer and its chunks, built."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from pen_backend.engine.wire.body import Request
from pen_backend.engine.wire.errors import ApiError, invalid_value, unsupported_parameter

PROMPT_LIMIT = 2048
STOP_LIMIT = 4

Penalty = Annotated[float, Field(ge=-2, le=2)]


class StreamOptions(Request):
    """What a stream carries beside its text."""

    include_usage: bool | None = Field(None, description="true or false")
    include_obfuscation: bool | None = Field(None, description="true or false")


class CompletionRequest(Request):
    """The body of POST /v1/completions."""

    model: str = Field(description="the name of a model")
    prompt: str | list[str] | list[int] | list[list[int]] | None = Field(
        description="a string, a list of strings, a list of token ids, a list of such lists, or null")
    best_of: Annotated[int, Field(ge=0, le=20)] | None = Field(None, description="an integer from 1 to 20")
    echo: bool | None = Field(None, description="true or false")
    frequency_penalty: Penalty | None = Field(None, description="a number from -2 to 2")
    logit_bias: dict[str, float] | None = Field(None, description="an object of token ids and numbers")
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = Field(None, description="an integer from 0 to 5")
    max_tokens: Annotated[int, Field(ge=0)] | None = Field(None, description="an integer of at least 0")
    n: Annotated[int, Field(ge=1, le=128)] | None = Field(None, description="an integer from 1 to 128")
    presence_penalty: Penalty | None = Field(None, description="a number from -2 to 2")
    seed: Annotated[int, Field(ge=-2**63, lt=2**63)] | None = Field(None, description="an integer of 64 bits")
    stop: str | list[str] | None = Field(None, description="a string or a list of at most 4 strings")
    stream: bool | None = Field(None, description="true or false")
    stream_options: StreamOptions | None = Field(None, description="an object")
    suffix: str | None = Field(None, description="null")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(None, description="a number from 0 to 2")
    top_p: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="a number from 0 to 1")
    user: str | None = Field(None, description="a string")

    @model_validator(mode="after")
    def _rules(self) -> "CompletionRequest":
        choices = self.n or 1
        if self.best_of is not None and self.best_of < choices and not (self.best_of <= 1 and choices == 1):
            raise ValueError(f"'best_of' ({self.best_of}) must be at least 'n' ({choices}).")
        if self.stream and self.best_of is not None and self.best_of > choices:
            raise ValueError("'best_of' above 'n' cannot be streamed: which candidates are best is known at the end.")
        if self.stream_options is not None and not self.stream:
            raise ValueError("'stream_options' is only for 'stream: true'.")
        if isinstance(self.stop, list) and len(self.stop) > STOP_LIMIT:
            raise ValueError(f"'stop' has {len(self.stop)} entries; at most {STOP_LIMIT} are allowed.")
        return self


def prompts(request: CompletionRequest, *, bos: int | None) -> list[str | list[int]]:
    """List the prompts of a request; no prompt at all is the beginning of a text."""
    prompt = request.prompt
    if prompt is None:
        return [[bos]] if bos is not None else [""]
    if isinstance(prompt, str):
        return [prompt]
    if not prompt:
        raise invalid_value("prompt", "'prompt' is an empty list; give at least one prompt.")
    if isinstance(prompt[0], int):
        return [[each for each in prompt if isinstance(each, int)]]
    listed = [each for each in prompt if isinstance(each, str | list)]
    if len(listed) > PROMPT_LIMIT:
        raise invalid_value("prompt", f"'prompt' has {len(listed):,} entries; at most {PROMPT_LIMIT:,} are allowed.")
    if any(each == [] for each in listed):
        raise invalid_value("prompt", "'prompt' contains an empty list of token ids.")
    return listed


def worker_request(request: CompletionRequest, *, bos: int | None, vocab_size: int | None) -> dict[str, Any]:
    """Turn a request into what the inference worker is asked: no nulls where there is a default."""
    if request.suffix:
        raise unsupported_parameter("suffix", "'suffix' is not supported; pen's models continue a text, they do not "
                                              "fill a gap.")
    listed = prompts(request, bos=bos)
    for tokens in listed:
        if vocab_size is not None and isinstance(tokens, list):
            _inside("prompt", tokens, vocab_size)
    bias = {_token_id(key): value for key, value in (request.logit_bias or {}).items()}
    if vocab_size is not None:
        _inside("logit_bias", list(bias), vocab_size)
    if any(not -100 <= value <= 100 for value in bias.values()):
        raise invalid_value("logit_bias", "'logit_bias' values must be numbers from -100 to 100.")
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    choices = request.n or 1
    return {
        "prompts": listed,
        "max_tokens": 16 if request.max_tokens is None else request.max_tokens,
        "n": choices,
        "best_of": request.best_of or choices,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "stop": [each for each in stop if each],
        "seed": request.seed,
        "logprobs": request.logprobs,
        "echo": bool(request.echo),
        "logit_bias": {str(key): value for key, value in bias.items()},
        "presence_penalty": request.presence_penalty or 0.0,
        "frequency_penalty": request.frequency_penalty or 0.0,
    }


def _token_id(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 12):
        raise invalid_value("logit_bias", "'logit_bias' must name tokens by their ids, such as \"50256\".")
    return int(key)


def _inside(param: str, tokens: Sequence[int], vocab_size: int) -> None:
    for token in tokens:
        if not 0 <= token < vocab_size:
            raise invalid_value(param, f"'{param}' has the token id {token}; the model knows 0 to {vocab_size - 1}.")


def merge_logprobs(pieces: Sequence[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    """Join the log-probabilities of consecutive pieces of one choice."""
    names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    return {name: [each for piece in pieces for each in piece.get(name) or []] for name in names}


def answer(identifier: str, created: int, model: str, choices: Sequence[Mapping[str, Any]],
           usage: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Build a completion object, or a chunk of one; both have the same shape."""
    body: dict[str, Any] = {"id": identifier, "object": "text_completion", "created": created, "model": model,
                            "choices": list(choices)}
    if usage is not None:
        body["usage"] = whole_usage(usage)
    return body


def whole_usage(usage: Mapping[str, int]) -> dict[str, int]:
    """Add the sum to what the worker counted."""
    prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def choice(index: int, text: str, *, logprobs: Mapping[str, Any] | None = None,
           finish_reason: str | None = None) -> dict[str, Any]:
    """Build one choice; all four keys are always there."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}


STATUS = {"context_length_exceeded": 400, "invalid_value": 400, "unsupported_parameter": 400, "model_not_found": 404,
          "unavailable": 503, "out_of_memory": 503}


def worker_error(event: Mapping[str, Any]) -> ApiError:
    """Turn an error of the worker into the answer it means."""
    code = str(event.get("code") or "internal_error")
    message = str(event.get("message") or "The inference worker failed.")
    return ApiError(STATUS.get(code, 500), code, message, param=event.get("param"))

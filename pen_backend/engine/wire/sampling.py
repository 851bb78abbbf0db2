"""What completions and chats have in common: how tokens are drawn, where an answer stops, how it is streamed."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from pen_backend.engine.wire.body import Request
from pen_backend.engine.wire.errors import ApiError, invalid_value

STOP_LIMIT = 4
CHOICES_LIMIT = 128

Penalty = Annotated[float, Field(ge=-2, le=2)]


class StreamOptions(Request):
    """What a stream carries beside its text."""

    include_usage: bool | None = Field(None, description="true or false")
    include_obfuscation: bool | None = Field(None, description="true or false")


class SamplingRequest(Request):
    """The parameters that both kinds of request know."""

    model: str = Field(description="the name of a model")
    frequency_penalty: Penalty | None = Field(None, description="a number from -2 to 2")
    logit_bias: dict[str, float] | None = Field(None, description="an object of token ids and numbers")
    n: Annotated[int, Field(ge=1, le=CHOICES_LIMIT)] | None = Field(
        None, description=f"an integer from 1 to {CHOICES_LIMIT}")
    presence_penalty: Penalty | None = Field(None, description="a number from -2 to 2")
    seed: Annotated[int, Field(ge=-2**63, lt=2**63)] | None = Field(None, description="an integer of 64 bits")
    stop: str | list[str] | None = Field(None, description="a string or a list of at most 4 strings")
    stream: bool | None = Field(None, description="true or false")
    stream_options: StreamOptions | None = Field(None, description="an object")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(None, description="a number from 0 to 2")
    top_p: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="a number from 0 to 1")
    user: str | None = Field(None, description="a string")

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with what it used."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @model_validator(mode="after")
    def _streams_and_stops(self) -> "SamplingRequest":
        if self.stream_options is not None and not self.stream:
            raise ValueError("'stream_options' is only for 'stream: true'.")
        if isinstance(self.stop, list) and len(self.stop) > STOP_LIMIT:
            raise ValueError(f"'stop' has {len(self.stop)} entries; at most {STOP_LIMIT} are allowed.")
        return self


def worker_sampling(request: SamplingRequest, *, vocab_size: int | None) -> dict[str, Any]:
    """Turn the common parameters into what the inference worker is asked: no nulls where there is a default."""
    bias = {_token_id(key): value for key, value in (request.logit_bias or {}).items()}
    if vocab_size is not None:
        refuse_foreign("logit_bias", list(bias), vocab_size)
    if any(not -100 <= value <= 100 for value in bias.values()):
        raise invalid_value("logit_bias", "'logit_bias' values must be numbers from -100 to 100.")
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
    return {
        "n": request.n or 1,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "stop": [each for each in stop if each],
        "seed": request.seed,
        "logit_bias": {str(key): value for key, value in bias.items()},
        "presence_penalty": request.presence_penalty or 0.0,
        "frequency_penalty": request.frequency_penalty or 0.0,
    }


def _token_id(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 12):
        raise invalid_value("logit_bias", "'logit_bias' must name tokens by their ids, such as \"50256\".")
    return int(key)


def refuse_foreign(param: str, tokens: Sequence[int], vocab_size: int) -> None:
    """Refuse token ids that the model does not have."""
    for token in tokens:
        if not 0 <= token < vocab_size:
            raise invalid_value(param, f"'{param}' has the token id {token}; the model knows 0 to {vocab_size - 1}.")


def whole_usage(usage: Mapping[str, int]) -> dict[str, int]:
    """Add the sum to what the worker counted."""
    prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


STATUS = {"context_length_exceeded": 400, "invalid_value": 400, "unsupported_parameter": 400, "model_not_found": 404,
          "unavailable": 503, "out_of_memory": 503}


def worker_error(event: Mapping[str, Any]) -> ApiError:
    """Turn an error of the worker into the answer it means."""
    code = str(event.get("code") or "internal_error")
    message = str(event.get("message") or "The inference worker failed.")
    return ApiError(STATUS.get(code, 500), code, message, param=event.get("param"))

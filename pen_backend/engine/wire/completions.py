"""Completions: the request, checked; the answer and its chunks, built."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from pen_backend.engine.wire.errors import invalid_value, unsupported_parameter
from pen_backend.engine.wire.sampling import SamplingRequest, refuse_foreign, worker_sampling

PROMPT_LIMIT = 2048
BEST_OF_LIMIT = 20
CANDIDATE_LIMIT = 2048  # texts that one request may have written: its prompts, each with all its candidates


class CompletionRequest(SamplingRequest):
    """The body of POST /v1/completions."""

    prompt: str | list[str] | list[int] | list[list[int]] | None = Field(
        description="a string, a list of strings, a list of token ids, a list of such lists, or null")
    best_of: Annotated[int, Field(ge=0, le=BEST_OF_LIMIT)] | None = Field(
        None, description=f"an integer from 1 to {BEST_OF_LIMIT}")
    echo: bool | None = Field(None, description="true or false")
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = Field(None, description="an integer from 0 to 5")
    max_tokens: Annotated[int, Field(ge=0)] | None = Field(None, description="an integer of at least 0")
    suffix: str | None = Field(None, description="null")

    @model_validator(mode="after")
    def _candidates(self) -> "CompletionRequest":
        choices = self.n or 1
        if self.best_of is not None and self.best_of < choices and not (self.best_of <= 1 and choices == 1):
            raise ValueError(f"'best_of' ({self.best_of}) must be at least 'n' ({choices}).")
        if self.stream and self.best_of is not None and self.best_of > choices:
            raise ValueError("'best_of' above 'n' cannot be streamed: which candidates are best is known at the end.")
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
    """Turn a request into what the inference worker is asked."""
    if request.suffix:
        raise unsupported_parameter("suffix", "'suffix' is not supported; pen's models continue a text, they do not "
                                              "fill a gap.")
    listed = prompts(request, bos=bos)
    candidates = request.best_of or request.n or 1
    if len(listed) * candidates > CANDIDATE_LIMIT:
        raise invalid_value("best_of" if request.best_of else "n", (
            f"{len(listed):,} prompts with {candidates} candidates each are {len(listed) * candidates:,} texts; "
            f"a request has at most {CANDIDATE_LIMIT:,}."))
    for tokens in listed:
        if vocab_size is not None and isinstance(tokens, list):
            refuse_foreign("prompt", tokens, vocab_size)
    return {
        **worker_sampling(request, vocab_size=vocab_size),
        "prompts": listed,
        "max_tokens": 16 if request.max_tokens is None else request.max_tokens,
        "best_of": candidates,
        "logprobs": request.logprobs,
        "echo": bool(request.echo),
    }


class CompletionShape:
    """How the worker's events become a completion, or the chunks of one; both have the same shape."""

    prefix = "cmpl-"

    def __init__(self, *, with_logprobs: bool) -> None:
        self._with_logprobs = with_logprobs

    def body(self, identifier: str, created: int, model: str, choices: Sequence[Mapping[str, Any]], *,
             streamed: bool) -> dict[str, Any]:
        """Build the object around choices."""
        return {"id": identifier, "object": "text_completion", "created": created, "model": model,
                "choices": list(choices)}

    def choice(self, index: int, text: str, logprobs: Sequence[Mapping[str, list[Any]]],
               finish_reason: str) -> dict[str, Any]:
        """Build a whole choice."""
        return _choice(index, text, merge_logprobs(logprobs) if self._with_logprobs else None, finish_reason)

    def begin(self, index: int) -> list[dict[str, Any]]:
        """Say what a stream begins a choice with: nothing."""
        return []

    def piece(self, index: int, text: str, logprobs: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Build a part of a choice."""
        return [_choice(index, text, logprobs, None)]

    def end(self, index: int, finish_reason: str) -> list[dict[str, Any]]:
        """Build the last part of a choice."""
        return [_choice(index, "", None, finish_reason)]


def merge_logprobs(pieces: Sequence[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    """Join the log-probabilities of consecutive pieces of one choice."""
    names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    return {name: [each for piece in pieces for each in piece.get(name) or []] for name in names}


def _choice(index: int, text: str, logprobs: Mapping[str, Any] | None, finish_reason: str | None) -> dict[str, Any]:
    """Build one choice; all four keys are always there."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}

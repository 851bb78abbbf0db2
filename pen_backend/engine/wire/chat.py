"""Chats: the request, checked; the answer and its chunks, built."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pen_backend.engine.wire.body import Request
from pen_backend.engine.wire.errors import ApiError, invalid_value, unsupported_parameter
from pen_backend.engine.wire.sampling import SamplingRequest, worker_sampling
from pen_backend.engine.wire.tools import Held, read_calls

MESSAGE_LIMIT = 2048
TOOL_LIMIT = 128

Length = Annotated[int, Field(ge=0)]


class ChatMessage(Request):
    """One message; what templates cannot use is accepted and not handed on."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = Field(
        description="'system', 'developer', 'user', 'assistant', 'tool' or 'function'")
    content: str | list[dict[str, Any]] | None = Field(None, description="a string or a list of text parts")
    name: str | None = Field(None, description="a string")
    tool_calls: list[dict[str, Any]] | None = Field(None, description="a list of objects")
    tool_call_id: str | None = Field(None, description="a string")
    function_call: dict[str, Any] | None = Field(None, description="an object")
    refusal: str | None = Field(None, description="a string")
    audio: None = Field(None, description="null")

    @model_validator(mode="after")
    def _said_something(self) -> "ChatMessage":
        if self.content is None and self.role not in ("assistant", "function"):
            raise ValueError(f"A message of '{self.role}' must have 'content', a string or a list of text parts.")
        if self.role == "tool" and self.tool_call_id is None:
            raise ValueError("A message of 'tool' must have the 'tool_call_id' it answers.")
        return self


class ChatRequest(SamplingRequest):
    """The body of POST /v1/chat/completions."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MESSAGE_LIMIT)] = Field(
        description=f"a list of 1 to {MESSAGE_LIMIT} messages")
    max_completion_tokens: Length | None = Field(None, description="an integer of at least 0")
    max_tokens: Length | None = Field(None, description="an integer of at least 0")
    logprobs: bool | None = Field(None, description="true or false")
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = Field(None, description="an integer from 0 to 20")
    tools: Annotated[list[dict[str, Any]], Field(max_length=TOOL_LIMIT)] | None = Field(
        None, description=f"a list of at most {TOOL_LIMIT} objects")
    tool_choice: str | dict[str, Any] | None = Field(None, description="'none' or 'auto'")
    response_format: dict[str, Any] | None = Field(None, description="an object with 'type'")
    modalities: list[str] | None = Field(None, description="['text']")

    functions: list[dict[str, Any]] | None = Field(None, description="absent; use 'tools'")
    function_call: str | dict[str, Any] | None = Field(None, description="absent; use 'tool_choice'")
    audio: dict[str, Any] | None = Field(None, description="absent")
    prediction: dict[str, Any] | None = Field(None, description="absent")
    web_search_options: dict[str, Any] | None = Field(None, description="absent")

    store: bool | None = Field(None, description="true or false")
    metadata: dict[str, str] | None = Field(None, description="an object of strings")
    service_tier: str | None = Field(None, description="a string")
    safety_identifier: str | None = Field(None, description="a string")
    prompt_cache_key: str | None = Field(None, description="a string")
    prompt_cache_retention: str | None = Field(None, description="a string")
    prompt_cache_options: dict[str, Any] | None = Field(None, description="an object")
    reasoning_effort: str | None = Field(None, description="a string")
    verbosity: str | None = Field(None, description="a string")
    parallel_tool_calls: bool | None = Field(None, description="true or false")
    moderation: dict[str, Any] | None = Field(None, description="an object")

    @model_validator(mode="after")
    def _lengths_and_logprobs(self) -> "ChatRequest":
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("'top_logprobs' is only for 'logprobs: true'.")
        if None not in (given := (self.max_tokens, self.max_completion_tokens)) and given[0] != given[1]:
            raise ValueError("'max_tokens' and 'max_completion_tokens' differ; give one of them.")
        return self


UNSUPPORTED = {
    "functions": "'functions' are not supported; give 'tools'.",
    "function_call": "'function_call' is not supported; give 'tool_choice'.",
    "audio": "'audio' is not supported; pen's models write text.",
    "prediction": "'prediction' is not supported.",
    "web_search_options": "'web_search_options' are not supported; the engine never uses the network.",
}


def worker_request(request: ChatRequest, *, vocab_size: int | None) -> dict[str, Any]:
    """Turn a request into what the inference worker is asked; the worker alone knows the model's template."""
    for name, message in UNSUPPORTED.items():
        if getattr(request, name) is not None:
            raise unsupported_parameter(name, message)
    if request.modalities not in (None, [], ["text"]):
        raise unsupported_parameter("modalities", "'modalities' must be ['text']; pen's models write text.")
    if request.response_format is not None and request.response_format.get("type") != "text":
        raise unsupported_parameter("response_format", "'response_format' must be of type 'text'.")
    length = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    return {
        **worker_sampling(request, vocab_size=vocab_size),
        "messages": [_message(number, message) for number, message in enumerate(request.messages)],
        "tools": _tools(request),
        "max_tokens": length,
        "logprobs": (request.top_logprobs or 0) if request.logprobs else None,
    }


def _message(number: int, message: ChatMessage) -> dict[str, Any]:
    """Write a message as templates know it: its content one text, nothing that is null."""
    content = message.content
    if isinstance(content, list):
        content = "".join(_text(f"messages.{number}.content.{place}", part) for place, part in enumerate(content))
    whole = {"role": message.role, "content": content or "", "name": message.name, "tool_calls": message.tool_calls,
             "tool_call_id": message.tool_call_id, "function_call": message.function_call}
    return {key: value for key, value in whole.items() if value is not None}


def _text(where: str, part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    text = part.get(kind) if kind in ("text", "refusal") else None
    if kind not in ("text", "refusal"):
        raise unsupported_parameter(where, f"'{where}' is no text; pen's models read text only.")
    if not isinstance(text, str):
        raise invalid_value(where, f"'{where}' must have its '{kind}' as a string.")
    return text


def _tools(request: ChatRequest) -> list[dict[str, Any]] | None:
    if request.tool_choice not in (None, "none", "auto"):
        raise unsupported_parameter("tool_choice", "'tool_choice' must be 'none' or 'auto'; a model cannot be made to "
                                                   "call a tool.")
    for number, tool in enumerate(request.tools or ()):
        function = tool.get("function")
        if tool.get("type") != "function":
            raise unsupported_parameter(f"tools.{number}", f"'tools.{number}' must be of type 'function'.")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ApiError(400, "missing_required_parameter", f"'tools.{number}' must have a function with a name.",
                           param=f"tools.{number}.function.name")
    return None if request.tool_choice == "none" else request.tools or None


class ChatShape:
    """How the worker's events become a chat completion, or the chunks of one."""

    prefix = "chatcmpl-"

    def __init__(self, *, with_logprobs: bool, with_tools: bool) -> None:
        self._with_logprobs = with_logprobs
        self._held: defaultdict[int, Held] | None = defaultdict(Held) if with_tools else None

    def body(self, identifier: str, created: int, model: str, choices: Sequence[Mapping[str, Any]], *,
             streamed: bool) -> dict[str, Any]:
        """Build the object around choices."""
        return {"id": identifier, "object": "chat.completion.chunk" if streamed else "chat.completion",
                "created": created, "model": model, "choices": list(choices)}

    def choice(self, index: int, text: str, logprobs: Sequence[Mapping[str, list[Any]]],
               finish_reason: str) -> dict[str, Any]:
        """Build a whole choice."""
        tokens = [token for piece in logprobs for token in piece.get("content") or ()]
        said, calls = (text, []) if self._held is None else read_calls(text)
        message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None}
        if calls:
            message |= {"content": said or None, "tool_calls": calls}
        return {"index": index, "message": message,
                "logprobs": {"content": tokens, "refusal": None} if self._with_logprobs else None,
                "finish_reason": "tool_calls" if calls else finish_reason}

    def begin(self, index: int) -> list[dict[str, Any]]:
        """Say who speaks, before the first word."""
        return [_chunk(index, {"role": "assistant", "content": ""}, None, None)]

    def piece(self, index: int, text: str, logprobs: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        """Build a part of a choice, unless it may belong to a call of a tool."""
        shown = text if self._held is None else self._held[index].feed(text)
        return [_chunk(index, {"content": shown}, logprobs, None)] if shown or logprobs else []

    def end(self, index: int, finish_reason: str) -> list[dict[str, Any]]:
        """Build the last part of a choice, and before it what was held back."""
        said, calls = ("", []) if self._held is None else self._held[index].finish()
        parts = [_chunk(index, {"content": said}, None, None)] if said else []
        if calls:
            listed = [{"index": number, **call} for number, call in enumerate(calls)]
            parts.append(_chunk(index, {"tool_calls": listed}, None, None))
        return [*parts, _chunk(index, {}, None, "tool_calls" if calls else finish_reason)]


def _chunk(index: int, delta: Mapping[str, object], logprobs: Mapping[str, Any] | None,
           finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "delta": dict(delta), "logprobs": logprobs, "finish_reason": finish_reason}

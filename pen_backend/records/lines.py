"""One line of a training file: to and from an Example, in every dialect.

The dialect is decided line by line. Whatever the bytes are, the only exception is DataError with one Finding; its
message names places and counts, never the row's text.
"""

import difflib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import BinaryIO, Literal, get_args

import orjson

from pen_backend.errors import DataError, Finding
from pen_backend.records.example import Example, Origin, Segment, bad, make_example

Dialect = Literal["text-list", "prompt-completion", "data", "text", "chat", "preference"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
LINE_LIMIT = 1_000_000  # bytes of one line
_NOT_FINITE = re.compile(r"NaN|Infinity")
_BOM = b"\xef\xbb\xbf"
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_MESSAGE_KEYS = ("role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal")
_VERBATIM = frozenset(("tool_calls", "tool_call_id", "function_call", "refusal"))

Parts = tuple[list[Segment], list[Segment] | None, list[Mapping[str, object]] | None, frozenset[str]]


def parse_line(raw: bytes | str, *, source: str, line: int, prompt_loss_weight: float = 0.0) -> tuple[Dialect, Example]:
    """Read one line of a training file; raise DataError with one Finding if it cannot be used."""
    where = f"{source}:{line}"
    return parse_object(parse_json(raw, where=where), origin=Origin(source, "", f"line {line}"), where=where,
                        prompt_loss_weight=prompt_loss_weight)


def read_lines(stream: BinaryIO, *, source: str,
               prompt_loss_weight: float = 0.0) -> Iterator[tuple[int, Dialect, Example] | Finding]:
    """Read a training file line by line; a bad line is a Finding and never hides a good one."""
    seen: set[Dialect] = set()
    for line, raw in raw_lines(stream):
        try:
            dialect, example = parse_line(raw, source=source, line=line, prompt_loss_weight=prompt_loss_weight)
            refuse_forgotten_data(dialect, seen, where=f"{source}:{line}")
        except DataError as error:
            yield error.findings[0]
        else:
            yield line, dialect, example


def refuse_forgotten_data(dialect: Dialect, seen: set[Dialect], *, where: str) -> None:
    """Refuse a line with `text` alone in a file whose earlier lines say `data`: there the key was forgotten."""
    if dialect == "text" and not seen.isdisjoint(("data", "text-list")):
        raise bad("no-data", "there is no 'data' key, though earlier lines of the file have one", where=where,
                  hint="write 'data' instead of 'text'")
    seen.add(dialect)


def raw_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Split a stream into numbered lines without BOM, line end and blank lines; a too long one is cut just above it."""
    number = 0
    while raw := stream.readline(LINE_LIMIT + 1):
        number += 1
        if number == 1 and raw.startswith(_BOM):
            raw = raw[3:]
        if len(raw) > LINE_LIMIT and not raw.endswith(b"\n"):
            while (rest := stream.readline(LINE_LIMIT)) and not rest.endswith(b"\n"):
                pass
            yield number, raw
        elif (raw := raw.rstrip(b"\r\n")) and not raw.isspace():
            yield number, raw


def parse_json(raw: bytes | str, *, where: str) -> object:
    """Read strict JSON: UTF-8, no NaN or infinity, no lone surrogates, at most 1 MB."""
    if len(raw) > LINE_LIMIT:
        raise bad("line-too-long", f"the line is longer than {LINE_LIMIT} bytes", where=where,
                  hint="split the record, or check that the file has one record a line")
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _json_finding(raw, error, where) from None
    return value


def _json_finding(raw: bytes | str, error: json.JSONDecodeError, where: str) -> DataError:
    """Say which rule a text breaks that is not strict JSON."""
    text = raw
    if isinstance(raw, bytes):
        try:
            text = raw.decode()
        except UnicodeDecodeError as broken:
            return bad("encoding", f"byte 0x{raw[broken.start]:02x} at offset {broken.start} of the line is not UTF-8",
                       where=where, hint="save the file as UTF-8")
    if "surrogate" in error.msg:
        return bad("surrogate", f"half of a surrogate pair at column {error.colno}; no text can hold it", where=where)
    if "infinity" in error.msg or _NOT_FINITE.search(str(text)[max(error.pos - 1, 0):error.pos + 9]):
        return bad("nan", "JSON has no NaN or infinite numbers", where=where)
    return bad("json", f"not valid JSON at column {error.colno}: {error.msg}", where=where)


def parse_object(value: object, *, origin: Origin, where: str,
                 prompt_loss_weight: float = 0.0) -> tuple[Dialect, Example]:
    """Turn one decoded JSON value into an Example; raise DataError with one Finding if it has no known shape."""
    if not isinstance(value, dict):
        raise bad("not-an-object", f"expected a JSON object, found {_kind(value)}", where=where)
    dialect, read = _dialect(value, where)
    segments, rejected, tools, used = read(value, where, prompt_loss_weight)
    meta = {key: item for key, item in value.items() if key not in used} if len(value) > len(used) else None
    try:
        return dialect, make_example(segments, origin=origin, rejected=rejected, tools=tools, meta=meta)
    except DataError as error:
        finding = error.findings[0]
        raise bad(finding.code, finding.message, where=where, pointer=finding.pointer) from None


_Reader = Callable[[dict[str, object], str, float], Parts]


def _dialect(value: dict[str, object], where: str) -> tuple[Dialect, _Reader]:
    if "messages" in value:
        return "chat", _read_chat
    if "data" in value:
        return ("text-list", _read_text_list) if isinstance(value["data"], dict) else ("data", _read_data)
    if "chosen" in value or "rejected" in value:
        return "preference", _read_trl
    if "preferred_output" in value or "non_preferred_output" in value:
        return "preference", _read_preference
    if "prompt" in value or "completion" in value:
        return "prompt-completion", _read_prompt_completion
    if "text" in value:
        return "text", _read_text
    known = ("data", "prompt", "completion", "messages", "input", "text")
    message = f"no 'data', 'prompt' and 'completion', or 'messages' key among {_count(len(value), 'key', 'keys')}"
    for key in value:
        if near := difflib.get_close_matches(key.strip().lower(), known, 1, 0.75):
            raise bad("no-data", f"{message}, but {_quote(key)}", where=where, hint=f"did you mean '{near[0]}'?")
    raise bad("no-data", message, where=where)


def _read_text(value: dict[str, object], where: str, _weight: float) -> Parts:
    return [Segment(_text(value, "text", where))], None, None, frozenset(("text",))


def _read_data(value: dict[str, object], where: str, _weight: float) -> Parts:
    text = value["data"]
    if not isinstance(text, str):
        raise bad("text-list-type", f"data must be a text or an object with text_list, found {_kind(text)}",
                  where=where, pointer="/data")
    return [Segment(text)], None, None, frozenset(("data",))


def _read_text_list(value: dict[str, object], where: str, _weight: float) -> Parts:
    data = value["data"]
    assert isinstance(data, dict)  # noqa: S101 - _dialect chose this reader because it is one
    for key in data:
        if key not in ("text_list", "loss_weights"):
            near = difflib.get_close_matches(key, ("text_list", "loss_weights"), 1)
            raise bad("text-list-type", f"unknown key {_quote(key)} in data", where=where, pointer=f"/data/{key}",
                      hint=f"did you mean '{near[0]}'?" if near else "data takes text_list and loss_weights")
    texts = data.get("text_list")
    if not isinstance(texts, list) or not texts:
        raise bad("text-list-type", "data.text_list must be a list of at least one text", where=where,
                  pointer="/data/text_list")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise bad("text-list-type", f"text_list[{index}] must be a text, found {_kind(text)}", where=where,
                      pointer=f"/data/text_list/{index}")
    weights = data.get("loss_weights")
    if weights is None:
        return [Segment(text) for text in texts], None, None, frozenset(("data",))
    if not isinstance(weights, list):
        raise bad("weights-value", f"loss_weights must be a list of numbers, found {_kind(weights)}", where=where,
                  pointer="/data/loss_weights")
    if len(weights) != len(texts):
        raise bad("weights-count", f"loss_weights has {_count(len(weights), 'entry', 'entries')} for "
                  f"{_count(len(texts), 'text', 'texts')}", where=where, pointer="/data/loss_weights",
                  hint="give one weight for each text")
    segments = [Segment(text, _weight_of(weight, f"loss_weights[{index}]", where, f"/data/loss_weights/{index}"))
                for index, (text, weight) in enumerate(zip(texts, weights, strict=True))]
    return segments, None, None, frozenset(("data",))


def _read_prompt_completion(value: dict[str, object], where: str, weight: float) -> Parts:
    segments = [Segment(_text(value, "prompt", where), weight), Segment(_text(value, "completion", where))]
    return segments, None, None, frozenset(("prompt", "completion"))


def _read_chat(value: dict[str, object], where: str, _weight: float) -> Parts:
    segments = _messages(value["messages"], where, "/messages")
    if not any(segment.role == "assistant" for segment in segments):
        raise bad("no-assistant", "no message of the assistant, so there is nothing to learn", where=where,
                  pointer="/messages")
    return segments, None, _tools(value.get("tools"), where, "/tools"), frozenset(("messages", "tools")) & value.keys()


def _read_preference(value: dict[str, object], where: str, _weight: float) -> Parts:
    given = value.get("input")
    if not isinstance(given, dict):
        raise bad("preference", f"input must be an object with messages, found {_kind(given)}", where=where,
                  pointer="/input")
    prompt = _unweighted(_messages(given.get("messages"), where, "/input/messages"))
    preferred = _messages(value.get("preferred_output"), where, "/preferred_output")
    rejected = _messages(value.get("non_preferred_output"), where, "/non_preferred_output")
    tools = _tools(given.get("tools"), where, "/input/tools")
    return prompt + preferred, rejected, tools, frozenset(("input", "preferred_output", "non_preferred_output"))


def _read_trl(value: dict[str, object], where: str, _weight: float) -> Parts:
    """Read TRL's rows: texts with a prompt, or messages whose common beginning may stand for it."""
    used = frozenset(("prompt", "chosen", "rejected")) & value.keys()
    if isinstance(value.get("chosen"), str):
        prompt = [Segment(_text(value, "prompt", where), 0.0)]
        return [*prompt, Segment(_text(value, "chosen", where))], [Segment(_text(value, "rejected", where))], None, used
    chosen = _messages(value.get("chosen"), where, "/chosen")
    rejected = _messages(value.get("rejected"), where, "/rejected")
    if "prompt" in value:
        return _unweighted(_messages(value["prompt"], where, "/prompt")) + chosen, rejected, None, used
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False))))
    if shared == min(len(chosen), len(rejected)):
        raise bad("preference", "chosen and rejected do not differ in a message", where=where, pointer="/rejected")
    return _unweighted(chosen[:shared]) + chosen[shared:], rejected[shared:], None, used


def _messages(value: object, where: str, pointer: str) -> list[Segment]:
    if not isinstance(value, list) or not value:
        raise bad("no-content", f"{pointer[1:]} must be a list of at least one message", where=where, pointer=pointer)
    return [_message(message, where, f"{pointer}/{index}") for index, message in enumerate(value)]


def _message(value: object, where: str, pointer: str) -> Segment:
    if not isinstance(value, dict):
        raise bad("message-key", f"a message must be an object, found {_kind(value)}", where=where, pointer=pointer)
    for key in value:
        if key not in _MESSAGE_KEYS:
            near = difflib.get_close_matches(key, _MESSAGE_KEYS, 1)
            raise bad("message-key", f"unknown key {_quote(key)} in a message", where=where, pointer=f"{pointer}/{key}",
                      hint=f"did you mean '{near[0]}'?" if near else f"a message takes {', '.join(_MESSAGE_KEYS)}")
    role = value.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise bad("role", f"role must be one of {', '.join(_ROLES)}", where=where, pointer=f"{pointer}/role")
    name = value.get("name")
    if name is not None and not isinstance(name, str):
        raise bad("message-key", f"name must be a text, found {_kind(name)}", where=where, pointer=f"{pointer}/name")
    extra = {key: item for key, item in value.items() if key in _VERBATIM} or None
    text = _content(value.get("content"), where, f"{pointer}/content", optional=role == "assistant" and bool(extra))
    weight = 1.0 if role == "assistant" else 0.0
    if value.get("weight") is not None:
        weight = _weight_of(value["weight"], "weight", where, f"{pointer}/weight")
    return Segment(text, weight, role, name, extra)


def _content(value: object, where: str, pointer: str, *, optional: bool) -> str:
    if isinstance(value, str):
        return value
    if value is None and optional:
        return ""
    if not isinstance(value, list):
        raise bad("no-content", f"content must be a text or a list of text parts, found {_kind(value)}", where=where,
                  pointer=pointer)
    texts = []
    for index, part in enumerate(value):
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise bad("content-part", "only text parts can be trained on", where=where, pointer=f"{pointer}/{index}")
        texts.append(text)
    return "".join(texts)


def _tools(value: object, where: str, pointer: str) -> list[Mapping[str, object]] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise bad("message-key", "tools must be a list of objects", where=where, pointer=pointer)
    return value or None


def _unweighted(segments: list[Segment]) -> list[Segment]:
    return [Segment(s.text, 0.0, s.role, s.name, s.extra) for s in segments]


def _text(value: dict[str, object], key: str, where: str) -> str:
    text = value.get(key)
    if isinstance(text, str):
        return text
    if key not in value:
        raise bad("no-data", f"there is no '{key}' key", where=where)
    raise bad("text-list-type", f"{key} must be a text, found {_kind(text)}", where=where, pointer=f"/{key}")


def _weight_of(value: object, name: str, where: str, pointer: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad("weights-value", f"{name} must be a number, found {_kind(value)}", where=where, pointer=pointer)
    if not (math.isfinite(value) and value >= 0):
        raise bad("weights-value", f"{name} is {value}; a weight is a finite number >= 0", where=where, pointer=pointer)
    return float(value)


def _kind(value: object) -> str:
    names = {"dict": "an object", "list": "a list", "str": "a text", "bool": "a truth value", "NoneType": "nothing"}
    return names.get(type(value).__name__, "a number")


def _quote(key: str) -> str:
    return f"'{key[:30]}…'" if len(key) > 30 else f"'{key}'"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def to_line(example: Example, dialect: Dialect, *, prompt_loss_weight: float = 0.0) -> bytes:
    """Write an Example as one line, keys in fixed order; refuse a dialect that would lose something."""
    try:
        return orjson.dumps(_to_object(example, dialect, prompt_loss_weight), option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise bad("surrogate", f"the record cannot be written as JSON: {error}") from error


def _to_object(example: Example, dialect: Dialect, prompt_loss_weight: float) -> dict[str, object]:
    segments = example.segments
    roles = any(segment.role is not None for segment in segments)
    if dialect == "chat":
        if not roles or example.rejected is not None:
            raise _lossy(example, dialect, "its segments have no roles" if not roles else "it has a rejected answer")
        messages = [_to_message(segment) for segment in segments]
        return {"messages": messages, **({"tools": list(example.tools)} if example.tools else {})}
    if dialect == "preference":
        return _to_preference(example, roles)
    if roles or example.rejected is not None or example.tools:
        raise _lossy(example, dialect, "it is a chat" if roles else "it has a rejected answer")
    if dialect == "text-list":
        return {"data": {"text_list": [s.text for s in segments], "loss_weights": [s.weight for s in segments]}}
    if dialect == "prompt-completion":
        if len(segments) != 2:
            raise _lossy(example, dialect, f"it has {_count(len(segments), 'segment', 'segments')}")
        prompt, completion = segments
        if prompt.weight != prompt_loss_weight * completion.weight:
            raise _lossy(example, dialect, "its loss weights are not the job's prompt_loss_weight and 1")
        return {"prompt": prompt.text, "completion": completion.text}
    if len(segments) != 1:
        raise _lossy(example, dialect, f"it has {_count(len(segments), 'segment', 'segments')}")
    return {dialect: segments[0].text}


def _to_preference(example: Example, roles: bool) -> dict[str, object]:
    if example.rejected is None:
        raise _lossy(example, "preference", "it has no rejected answer")
    prompt = list(takewhile(lambda segment: segment.weight == 0, example.segments))
    preferred = example.segments[len(prompt):]
    if not roles:
        if len(prompt) != 1 or len(preferred) != 1 or len(example.rejected) != 1:
            raise _lossy(example, "preference", "it has more than one prompt or answer")
        return {"prompt": prompt[0].text, "chosen": preferred[0].text, "rejected": example.rejected[0].text}
    given: dict[str, object] = {"messages": [_to_message(Segment(s.text, 0.0, s.role, s.name, s.extra), plain=True)
                                             for s in prompt]}
    if example.tools:
        given["tools"] = list(example.tools)
    return {"input": given, "preferred_output": [_to_message(segment) for segment in preferred],
            "non_preferred_output": [_to_message(segment) for segment in example.rejected]}


def _to_message(segment: Segment, *, plain: bool = False) -> dict[str, object]:
    message: dict[str, object] = {"role": segment.role, "content": segment.text}
    if segment.name is not None:
        message["name"] = segment.name
    if segment.extra:
        message.update(segment.extra)
    if not plain and segment.weight != (1.0 if segment.role == "assistant" else 0.0):
        message["weight"] = segment.weight
    return message


def _lossy(example: Example, dialect: Dialect, why: str) -> DataError:
    place = f"{example.origin.source}: {example.origin.locator}" if example.origin.source else None
    return bad("lossy", f"an example cannot be written as {dialect} without a loss: {why}", where=place,
               hint="choose another output.format")

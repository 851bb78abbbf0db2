"""The dialects of training rows: which one a decoded line speaks, and the Example it means.

data, text          {"data": TEXT} · {"text": TEXT}
text-list           {"data": {"text_list": […], "loss_weights"?: […]}}
prompt-completion   {"prompt": TEXT, "completion": TEXT}
chat                {"messages": […], "tools"?: […]}; TRL's prompt and completion as lists of messages
preference          OpenAI's input, preferred_output, non_preferred_output; TRL's prompt?, chosen, rejected
segments            axolotl's {"segments": [{"label", "text"}, …]}
sharegpt            {"conversations": [{"from", "value"}, …], "system"?, "tools"?}
alpaca              {"instruction", "input"?, "output"}
"""

import difflib
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Literal, get_args

from pen_backend.errors import DataError
from pen_backend.records.example import Example, Origin, Segment, bad, make_example
from pen_backend.records.fields import kind_of, pointer_to, quoted, refuse_unknown, text_of, weight_of
from pen_backend.records.messages import Tools, messages_of, refuse_unanswered, tools_of, turns_of, unweighted
from pen_backend.words import count

Format = Literal["text-list", "prompt-completion", "data", "text", "chat", "preference"]  # what can be written, too
Dialect = Literal[Format, "segments", "sharegpt", "alpaca"]
FORMATS: tuple[Format, ...] = get_args(Format)
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)

Parts = tuple[list[Segment], list[Segment] | None, Tools | None, frozenset[str]]
_Reader = Callable[[dict[str, object], str, float], Parts]


def parse_object(value: object, *, origin: Origin, where: str,
                 prompt_loss_weight: float = 0.0) -> tuple[Dialect, Example]:
    """Turn one decoded JSON value into an Example; raise DataError with one Finding if it has no known shape."""
    if not isinstance(value, dict):
        raise bad("not-an-object", f"expected a JSON object, found {kind_of(value)}", where=where, pointer="",
                  hint='write one row a line, as in {"prompt": "…", "completion": "…"}')
    dialect, read = _dialect(value, where)
    segments, rejected, tools, used = read(value, where, prompt_loss_weight)
    meta = {key: item for key, item in value.items() if key not in used} if len(value) > len(used) else None
    try:
        return dialect, make_example(segments, origin=origin, rejected=rejected, tools=tools, meta=meta)
    except DataError as error:
        finding = error.findings[0]
        raise bad(finding.code, finding.message, where=where, pointer=finding.pointer or _WEIGHTS_AT.get(dialect),
                  hint=finding.hint) from None


_WEIGHTS_AT: Mapping[Dialect, str] = {
    "text-list": "/data/loss_weights", "chat": "/messages", "segments": "/segments", "sharegpt": "/conversations"}


def _dialect(value: dict[str, object], where: str) -> tuple[Dialect, _Reader]:
    if "messages" in value:
        return "chat", _read_chat
    if "data" in value:
        return ("text-list", _read_text_list) if isinstance(value["data"], dict) else ("data", _read_data)
    if "chosen" in value or "rejected" in value:
        return "preference", _read_trl
    if "preferred_output" in value or "non_preferred_output" in value:
        return "preference", _read_preference
    if "conversations" in value:
        return "sharegpt", _read_sharegpt
    if "instruction" in value:
        return "alpaca", _read_alpaca
    if "prompt" in value or "completion" in value:
        if isinstance(value.get("prompt"), list):
            return "chat", _read_chat_completion
        return "prompt-completion", _read_prompt_completion
    if "segments" in value:
        return "segments", _read_segments
    if "text" in value:
        return "text", _read_text
    raise _unknown(value, where)


_KNOWN = ("data", "prompt", "completion", "messages", "input", "text", "chosen", "conversations", "instruction",
          "segments")


def _unknown(value: dict[str, object], where: str) -> DataError:
    message = f"no 'data', 'prompt' and 'completion', or 'messages' key among {count(len(value), 'key')}"
    for key in value:
        if near := difflib.get_close_matches(key.strip(" :").lower(), _KNOWN, 1, 0.75):
            return bad("no-data", f"{message}, but {quoted(key)}", where=where, pointer=pointer_to("", key),
                       hint=f"did you mean '{near[0]}'?")
    return bad("no-data", message, where=where, pointer="",
               hint="rename the keys, or map them with `fields` of the source")


def _read_text(value: dict[str, object], where: str, _weight: float) -> Parts:
    return [Segment(text_of(value, "text", where))], None, None, frozenset(("text",))


def _read_data(value: dict[str, object], where: str, _weight: float) -> Parts:
    text = value["data"]
    if not isinstance(text, str):
        raise bad("text-list-type", f"data must be a text or an object with text_list, found {kind_of(text)}",
                  where=where, pointer="/data", hint='write {"data": {"text_list": ["…", "…"]}}')
    return [Segment(text)], None, None, frozenset(("data",))


def _read_text_list(value: dict[str, object], where: str, _weight: float) -> Parts:
    data = value["data"]
    assert isinstance(data, dict)  # noqa: S101 - _dialect chose this reader because it is one
    refuse_unknown(data, ("text_list", "loss_weights"), "text-list-type", "data", where, "/data")
    texts = data.get("text_list")
    if not isinstance(texts, list) or not texts:
        found = "an empty list" if texts == [] else kind_of(texts)
        raise bad("text-list-type", f"data.text_list must be a list of at least one text, found {found}", where=where,
                  pointer="/data/text_list", hint='write "text_list": ["…", "…"]')
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise bad("text-list-type", f"text_list[{index}] must be a text, found {kind_of(text)}", where=where,
                      pointer=f"/data/text_list/{index}", hint="put the text into quotes")
    weights = data.get("loss_weights")
    if weights is None:
        return [Segment(text) for text in texts], None, None, frozenset(("data",))
    if not isinstance(weights, list):
        raise bad("weights-value", f"loss_weights must be a list of numbers, found {kind_of(weights)}", where=where,
                  pointer="/data/loss_weights", hint="give one weight for each text, or leave them out")
    if len(weights) != len(texts):
        raise bad("weights-count", f"loss_weights has {count(len(weights), 'entry', 'entries')} for "
                  f"{count(len(texts), 'text')}", where=where, pointer="/data/loss_weights",
                  hint="give one weight for each text")
    segments = [Segment(text, weight_of(weight, f"loss_weights[{index}]", where, f"/data/loss_weights/{index}"))
                for index, (text, weight) in enumerate(zip(texts, weights, strict=True))]
    return segments, None, None, frozenset(("data",))


def _read_prompt_completion(value: dict[str, object], where: str, weight: float) -> Parts:
    segments = [Segment(text_of(value, "prompt", where), weight), Segment(text_of(value, "completion", where))]
    return segments, None, None, frozenset(("prompt", "completion"))


def _read_segments(value: dict[str, object], where: str, _weight: float) -> Parts:
    """Read axolotl's rows: what is labelled true is learned, the rest is only read."""
    given = value["segments"]
    if not isinstance(given, list) or not given:
        found = "an empty list" if given == [] else kind_of(given)
        raise bad("text-list-type", f"segments must be a list of at least one segment, found {found}", where=where,
                  pointer="/segments", hint='write [{"label": true, "text": "…"}, …]')
    segments = []
    for index, one in enumerate(given):
        around = f"/segments/{index}"
        if not isinstance(one, dict):
            raise bad("text-list-type", f"a segment must be an object, found {kind_of(one)}", where=where,
                      pointer=around, hint='write {"label": true, "text": "…"}')
        label = one.get("label")
        if not isinstance(label, bool):
            raise bad("weights-value", f"label must be true or false, found {kind_of(label)}", where=where,
                      pointer=f"{around}/label", hint="true is learned, false is only read")
        segments.append(Segment(text_of(one, "text", where, around), 1.0 if label else 0.0))
    return segments, None, None, frozenset(("segments",))


def _read_alpaca(value: dict[str, object], where: str, weight: float) -> Parts:
    """Read Alpaca's rows; an `input` stands a blank line below the instruction."""
    instruction = text_of(value, "instruction", where)
    given = text_of(value, "input", where) if value.get("input") is not None else ""
    prompt = f"{instruction}\n\n{given}" if given else instruction
    segments = [Segment(prompt, weight), Segment(text_of(value, "output", where))]
    return segments, None, None, frozenset(("instruction", "input", "output")) & value.keys()


def _read_chat(value: dict[str, object], where: str, _weight: float) -> Parts:
    segments = messages_of(value["messages"], where, "/messages")
    refuse_unanswered(segments, where, "/messages")
    used = frozenset(("messages", "tools")) & value.keys()
    return segments, None, tools_of(value.get("tools"), where, "/tools"), used


def _read_chat_completion(value: dict[str, object], where: str, _weight: float) -> Parts:
    """Read TRL's prompt and completion as messages; only the completion is learned."""
    completion = messages_of(value.get("completion"), where, "/completion")
    refuse_unanswered(completion, where, "/completion")
    segments = unweighted(messages_of(value["prompt"], where, "/prompt")) + completion
    used = frozenset(("prompt", "completion", "tools")) & value.keys()
    return segments, None, tools_of(value.get("tools"), where, "/tools"), used


def _read_sharegpt(value: dict[str, object], where: str, _weight: float) -> Parts:
    segments = turns_of(value["conversations"], where, "/conversations")
    refuse_unanswered(segments, where, "/conversations")
    used = frozenset(("conversations", "system", "tools")) & value.keys()
    if value.get("system"):
        segments = [Segment(text_of(value, "system", where), 0.0, "system"), *segments]
    tools = value.get("tools")  # a list, as elsewhere, or a text for the chat template, which is kept as meta
    if isinstance(tools, str):
        return segments, None, None, used - {"tools"}
    return segments, None, tools_of(tools, where, "/tools"), used


def _read_preference(value: dict[str, object], where: str, _weight: float) -> Parts:
    given = value.get("input")
    if not isinstance(given, dict):
        raise bad("preference", f"input must be an object with messages, found {kind_of(given)}", where=where,
                  pointer="/input", hint='write "input": {"messages": […]}')
    prompt = unweighted(messages_of(given.get("messages"), where, "/input/messages"))
    preferred = messages_of(value.get("preferred_output"), where, "/preferred_output")
    rejected = messages_of(value.get("non_preferred_output"), where, "/non_preferred_output")
    refuse_unanswered(preferred, where, "/preferred_output")
    refuse_unanswered(rejected, where, "/non_preferred_output")
    _refuse_equal(preferred, rejected, "preferred_output", "non_preferred_output", where)
    tools = tools_of(given.get("tools"), where, "/input/tools")
    return prompt + preferred, rejected, tools, frozenset(("input", "preferred_output", "non_preferred_output"))


def _read_trl(value: dict[str, object], where: str, _weight: float) -> Parts:
    """Read TRL's rows, texts or messages; without a prompt, the common beginning of both answers is it."""
    used = frozenset(("prompt", "chosen", "rejected", "tools")) & value.keys()
    if isinstance(value.get("chosen"), str) or isinstance(value.get("rejected"), str):
        texts = [Segment(text_of(value, "chosen", where))], [Segment(text_of(value, "rejected", where))]
        _refuse_equal(*texts, "chosen", "rejected", where)
        if "prompt" in value:
            return [Segment(text_of(value, "prompt", where), 0.0), *texts[0]], texts[1], None, used
        return *_parted(texts[0][0].text, texts[1][0].text, where), None, used
    chosen = messages_of(value.get("chosen"), where, "/chosen")
    rejected = messages_of(value.get("rejected"), where, "/rejected")
    tools = tools_of(value.get("tools"), where, "/tools")
    _refuse_equal(chosen, rejected, "chosen", "rejected", where)
    if "prompt" in value:
        return unweighted(messages_of(value["prompt"], where, "/prompt")) + chosen, rejected, tools, used
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False))))
    if shared == min(len(chosen), len(rejected)):
        raise bad("preference", "chosen and rejected do not differ in a message", where=where, pointer="/rejected",
                  hint="one of them is the other's beginning; give the prompt as `prompt`")
    return unweighted(chosen[:shared]) + chosen[shared:], rejected[shared:], tools, used


def _parted(chosen: str, rejected: str, where: str) -> tuple[list[Segment], list[Segment]]:
    """Cut two texts before the first word that differs."""
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False))))
    cut = max(chosen.rfind(" ", 0, shared), chosen.rfind("\n", 0, shared))
    if cut <= 0:
        raise bad("preference", "chosen and rejected have no beginning in common, and there is no prompt", where=where,
                  pointer="", hint="give the prompt as `prompt`")
    return [Segment(chosen[:cut], 0.0), Segment(chosen[cut:])], [Segment(rejected[cut:])]


def _refuse_equal(chosen: list[Segment], rejected: list[Segment], name: str, other: str, where: str) -> None:
    if chosen == rejected:
        raise bad("preference", f"{name} and {other} are equal, so there is no preference", where=where,
                  pointer=f"/{other}", hint="drop the row, or give an answer that is worse")

"""Messages of a chat as segments: OpenAI's, with weights and tools, and ShareGPT's turns."""

from collections.abc import Mapping

from pen_backend.records.example import Segment, bad
from pen_backend.records.fields import kind_of, pointer_to, refuse_unknown, text_of, weight_of

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_KEYS = ("role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal")
_VERBATIM = frozenset(("tool_calls", "tool_call_id", "function_call", "refusal"))
_SPEAKERS = {"system": "system", "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant",
             "bing": "assistant", "bard": "assistant", "model": "assistant", "assistant": "assistant",
             "tool": "tool", "observation": "tool", "function_response": "tool"}

Tools = list[Mapping[str, object]]


def messages_of(value: object, where: str, pointer: str) -> list[Segment]:
    """Read a list of at least one message."""
    if not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else kind_of(value)
        raise bad("no-content", f"{pointer[1:]} must be a list of at least one message, found {found}", where=where,
                  pointer=pointer, hint='write [{"role": "user", "content": "…"}, …]')
    return [_message(message, where, pointer_to(pointer, index)) for index, message in enumerate(value)]


def turns_of(value: object, where: str, pointer: str) -> list[Segment]:
    """Read ShareGPT's turns, `from` and `value`; a conversation begins with the person or the system."""
    if not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else kind_of(value)
        raise bad("no-content", f"{pointer[1:]} must be a list of at least one turn, found {found}", where=where,
                  pointer=pointer, hint='write [{"from": "human", "value": "…"}, …]')
    segments = [_turn(turn, where, pointer_to(pointer, index)) for index, turn in enumerate(value)]
    first = next((index for index, segment in enumerate(segments) if segment.role != "system"), None)
    if first is not None and segments[first].role == "assistant":
        raise bad("role", "the conversation starts with the assistant", where=where, pointer=pointer_to(pointer, first),
                  hint="begin with a turn of the person")
    return segments


def tools_of(value: object, where: str, pointer: str) -> Tools | None:
    """Read the tools that a chat may call; none is None."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise bad("message-key", f"tools must be a list of objects, found {kind_of(value)}", where=where,
                  pointer=pointer, hint="write them as in a request to chat/completions")
    return value or None


def refuse_unanswered(segments: list[Segment], where: str, pointer: str) -> None:
    """Refuse a chat in which the assistant says nothing."""
    if not any(segment.role == "assistant" for segment in segments):
        raise bad("no-assistant", "no message of the assistant, so there is nothing to learn", where=where,
                  pointer=pointer, hint="add the answer that is to be learned, with the role assistant")


def unweighted(segments: list[Segment]) -> list[Segment]:
    """Take segments out of the loss."""
    return [Segment(s.text, 0.0, s.role, s.name, s.extra) for s in segments]


def _message(value: object, where: str, pointer: str) -> Segment:
    if not isinstance(value, dict):
        raise bad("message-key", f"a message must be an object, found {kind_of(value)}", where=where, pointer=pointer,
                  hint='write {"role": "user", "content": "…"}')
    if not value.keys() <= _KNOWN:
        refuse_unknown(value, _KEYS, "message-key", "a message", where, pointer)
    role = value.get("role")
    if not isinstance(role, str) or role not in ROLES:
        found = "nothing" if role is None else "another text" if isinstance(role, str) else kind_of(role)
        raise bad("role", f"role must be one of {', '.join(ROLES)}; found {found}", where=where,
                  pointer=f"{pointer}/role", hint="name who speaks")
    name = value.get("name")
    if name is not None and not isinstance(name, str):
        raise bad("message-key", f"name must be a text, found {kind_of(name)}", where=where, pointer=f"{pointer}/name",
                  hint="leave it out, or put it into quotes")
    extra = {key: item for key, item in value.items() if key in _VERBATIM} or None
    text = _content(value.get("content"), where, f"{pointer}/content", optional=role == "assistant" and bool(extra))
    return Segment(text, _weight(value, role, where, pointer), role, name, extra)


_KNOWN = frozenset(_KEYS)


def _turn(value: object, where: str, pointer: str) -> Segment:
    if not isinstance(value, dict):
        raise bad("message-key", f"a turn must be an object, found {kind_of(value)}", where=where, pointer=pointer,
                  hint='write {"from": "human", "value": "…"}')
    if "from" not in value and "role" in value:
        return _message(value, where, pointer)
    speaker = value.get("from")
    role = _SPEAKERS.get(speaker.lower()) if isinstance(speaker, str) else None
    if role is None:
        raise bad("role", "from must say who speaks: system, human, gpt or tool", where=where,
                  pointer=f"{pointer}/from", hint="name who speaks")
    if "value" not in value:
        raise bad("no-content", "the turn has no value", where=where, pointer=pointer, hint="add its text as `value`")
    text = text_of(value, "value", where, pointer)
    return Segment(text, _weight(value, role, where, pointer), role)


def _weight(value: Mapping[str, object], role: str, where: str, pointer: str) -> float:
    given = value.get("weight")
    if given is None:
        return 1.0 if role == "assistant" else 0.0
    return weight_of(given, "weight", where, f"{pointer}/weight")


def _content(value: object, where: str, pointer: str, *, optional: bool) -> str:
    if isinstance(value, str):
        return value
    if value is None and optional:
        return ""
    if not isinstance(value, list):
        raise bad("no-content", f"content must be a text or a list of text parts, found {kind_of(value)}", where=where,
                  pointer=pointer, hint="give every message its text")
    texts = []
    for index, part in enumerate(value):
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise bad("content-part", "only text parts can be trained on", where=where,
                      pointer=pointer_to(pointer, index), hint='write {"type": "text", "text": "…"}')
        texts.append(text)
    return "".join(texts)

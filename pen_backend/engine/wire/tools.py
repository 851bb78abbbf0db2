"""Calls of tools in what a model has said, as the widest family of models writes them.

    <tool_call>
    {"name": "weather", "arguments": {"city": "Bergen"}}
    </tool_call>

Whatever is not exactly this stays what it is: text.
"""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from pen_backend.engine.wire.ids import new_id

BEGIN, END = "<tool_call>", "</tool_call>"

Call = dict[str, Any]


def read_calls(text: str) -> tuple[str, list[Call]]:
    """Part a text into what is said and the calls behind it; if one of them cannot be read, all is said."""
    said, *blocks = text.split(BEGIN)
    calls = []
    for block in blocks:
        body, _, rest = block.partition(END)
        call = _read(body)
        if call is None or rest.strip():
            return text, []
        calls.append(call)
    return (said.rstrip() if calls else text), calls


def _read(body: str) -> Call | None:
    try:
        value = orjson.loads(body)
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments = value.get("arguments", {})
    if not isinstance(arguments, Mapping):
        return None
    return {"id": new_id("call_"), "type": "function",
            "function": {"name": value["name"], "arguments": json.dumps(arguments, ensure_ascii=False)}}


class Held:
    """One choice's text while it streams: what may be the beginning of a call waits until the end."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str) -> str:
        """Take more text; return what can be shown."""
        self._text += text
        begin = self._text.find(BEGIN)
        if begin < 0:
            begin = len(self._text) - next((size for size in range(min(len(BEGIN), len(self._text)), 0, -1)
                                            if BEGIN.startswith(self._text[-size:])), 0)
        shown, self._text = self._text[:begin], self._text[begin:]
        return shown

    def finish(self) -> tuple[str, list[Call]]:
        """Return the text that was no call after all, and the calls."""
        return read_calls(self._text)

"""Messages of a chat as segments of text, the same for training and for requests: by the model's template, or ChatML.

A segment that is control may hold the model's reserved tokens; in every other one their names are plain text, so that
what somebody says can end no turn.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pen_backend.engine.nn.folder import MAX_CONFIG_BYTES, limit_size, read_json
from pen_backend.engine.nn.rendering import Message, Rendered, Renderer, TemplateError
from pen_backend.engine.nn.vocabulary import Vocabulary
from pen_backend.records import Segment

TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
CONTROL: Mapping[str, object] = {"control": True}
PROBE = "pen0probe"


class ChatFormat:
    """How one model writes a chat: with the template in its folder, or with ChatML where it brings none."""

    def __init__(self, vocabulary: Vocabulary, renderer: Renderer, *, name: str | None = None) -> None:
        self._name = name or vocabulary.directory.name
        self._vocabulary = vocabulary
        self._renderer = renderer
        self._templates = _templates(vocabulary.directory)
        self._names = _names(vocabulary.directory)
        self._ends: frozenset[int] | None = None

    @property
    def takes_tools(self) -> bool:
        """Whether the template looks at tools."""
        return "tool_use" in self._templates or "tools" in self._templates.get("default", "")

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts that end a turn, for a model that has no token for it."""
        return () if self._templates or TURN_END in self._vocabulary.reserved else (TURN_END,)

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer: those that end a text, and the one that the template writes behind a turn."""
        if self._ends is None:
            self._ends = self._vocabulary.ends | set(self._turn_end())
        return self._ends

    def prompt(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] | None = None) -> list[int]:
        """Encode a chat up to where the answer begins."""
        segments = self.segments(messages, [0.0] * len(messages), tools=tools, ask=True)
        ids = [token for piece in encode_segments(segments, self._vocabulary) for token in piece]
        return [*chat_begin(ids, self._vocabulary), *ids]

    def segments(self, messages: Sequence[Message], weights: Sequence[float], *,
                 tools: Sequence[Mapping[str, Any]] | None = None, ask: bool = False) -> list[Segment]:
        """Write a chat as segments, each of one weight; what asks for an answer is never learned.

        Raises TemplateError if the template does not take the messages, or weights cannot be told apart in its text.
        """
        if tools and not self.takes_tools:
            raise TemplateError("the model's chat template takes no tools")
        if not self._templates:
            return [segment for message, weight in zip(messages, weights, strict=True)
                    for segment in self._turn(message, weight)] + (_asking("assistant") if ask else [])
        plain = [_plain(message) for message in messages]
        rendered = self._renderer.render(self._template(tools), plain, tools=tools, names=self._names, ask=ask)
        pieces = _cut(rendered, messages, weights, self._name)
        return [segment for text, weight, numbers in pieces for segment in self._guarded(text, weight, numbers, plain)]

    def _template(self, tools: object) -> str:
        name = "tool_use" if tools and "tool_use" in self._templates else "default"
        return self._templates.get(name) or next(iter(self._templates.values()))

    def _turn(self, message: Message, weight: float) -> list[Segment]:
        """Write one message as ChatML."""
        if message.get("tool_calls") or message.get("function_call"):
            raise TemplateError("the model has no chat template for calls of tools")
        role = str(message["role"])
        name = f" name={message['name']}" if message.get("name") else ""
        head = _asking(_role(role) + name, 0.0 if role == "assistant" else weight, role)
        return [*head, Segment(_content(message), weight, role), Segment(TURN_END, weight, role, extra=CONTROL),
                Segment("\n", weight, role)]

    def _guarded(self, text: str, weight: float, numbers: Sequence[int], messages: Sequence[Message]
                 ) -> list[Segment]:
        """Make a rendered piece segments: what a message says is data where it names reserved tokens."""
        role = str(messages[numbers[-1]]["role"]) if numbers else None
        found: list[Segment] = []
        for number in numbers:
            said, content = json.dumps(messages[number], ensure_ascii=False), _content(messages[number])
            token = next((name for name in self._vocabulary.reserved if name in said), None)
            if token is None:
                continue
            begin = text.find(content) if token in content else -1
            if begin < 0:
                raise TemplateError(f"message {number + 1} holds {token}, which is reserved in this model")
            found += [Segment(text[:begin], weight, role, extra=CONTROL), Segment(content, weight, role)]
            text = text[begin + len(content):]
        return [each for each in (*found, Segment(text, weight, role, extra=CONTROL)) if each.text]

    def _turn_end(self) -> list[int]:
        """Find the token that ends a turn: the first reserved one behind what the assistant said."""
        messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": PROBE}]
        try:
            texts = [segment.text for segment in self.segments(messages, [0.0, 1.0]) if segment.role == "assistant"]
        except TemplateError:
            return []
        tail = "".join(texts).rpartition(PROBE)[2].lstrip()
        first = next(iter(self._vocabulary.encode_control([tail])), [])[:1]
        return [token for token in first if token in self._vocabulary.special]


def example_messages(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    """Turn an example's segments back into the messages they were."""
    return [{"role": segment.role or "user", "content": segment.text,
             **({"name": segment.name} if segment.name else {}), **(segment.extra or {})} for segment in segments]


def encode_segments(segments: Sequence[Segment], vocabulary: Vocabulary) -> list[list[int]]:
    """Encode each segment alone, in bulk; reserved tokens count only in those that are control."""
    control = iter(vocabulary.encode_control([each.text for each in segments if is_control(each)]))
    data = iter(vocabulary.encode_many([each.text for each in segments if not is_control(each)]))
    return [next(control if is_control(segment) else data) for segment in segments]


def is_control(segment: Segment) -> bool:
    """Tell whether reserved tokens in a segment are meant."""
    return segment.extra is CONTROL


def chat_begin(ids: Sequence[int], vocabulary: Vocabulary) -> list[int]:
    """Return what stands before a chat: the token that begins texts, unless the template has written it."""
    begin = vocabulary.begins(has_prompt=True)
    return [] if list(ids[: len(begin)]) == begin else begin


def _asking(head: str, weight: float = 0.0, role: str = "assistant") -> list[Segment]:
    """Begin a turn as ChatML does."""
    return [Segment(TURN_START, weight, role, extra=CONTROL), Segment(head + "\n", weight, role)]


def _role(role: str) -> str:
    return {"developer": "system", "function": "tool"}.get(role, role)


def _content(message: Message) -> str:
    return str(message.get("content") or "")


def _plain(message: Message) -> dict[str, Any]:
    """Write a message as templates know them: system and tool for their other names, arguments of calls as objects."""
    plain = {**message, "role": _role(message["role"]), "content": _content(message)}
    if isinstance(calls := message.get("tool_calls"), list):
        plain["tool_calls"] = [_call(call) for call in calls]
    return plain


def _call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        return call
    return {**call, "function": {**function, "arguments": arguments}} if isinstance(arguments, dict) else call


def _cut(rendered: Rendered, messages: Sequence[Message], weights: Sequence[float], name: str
         ) -> list[tuple[str, float, list[int]]]:
    """Cut a rendered chat where messages end and answers begin: text, weight, and the messages it is made of."""
    pieces: list[tuple[str, float, list[int]]] = []
    at = 0
    open_: list[int] = []  # messages whose end is not known yet

    def take(until: int, weight: float) -> None:
        nonlocal at
        if len({weights[number] for number in open_} | {weight}) > 1:
            raise TemplateError(f"the chat template of {name} writes message {open_[0] + 1} otherwise when more "
                                "messages follow, so what is learned of it cannot be told apart")
        pieces.append((rendered.text[at:until], weight, open_.copy()))
        at = until
        open_.clear()

    for number, weight in enumerate(weights):
        begin, end = rendered.answers[number], rendered.ends[number]
        if begin is not None and begin > at:
            take(begin, weights[open_[0]] if open_ else 0.0)
        open_.append(number)
        if end is not None and end > at:
            take(end, weight)
    if at < len(rendered.text):
        take(len(rendered.text), weights[open_[0]] if open_ else 0.0)
    return pieces


def _templates(directory: Path) -> dict[str, str]:
    """Read a folder's chat templates by name; most have one, called default."""
    file = directory / "chat_template.jinja"
    if file.is_file():
        limit_size(file, MAX_CONFIG_BYTES)
        return {"default": file.read_text(errors="replace")}
    given = _tokenizer_config(directory).get("chat_template")
    if isinstance(given, str):
        return {"default": given}
    listed = given if isinstance(given, list) else []
    return {str(one["name"]): str(one["template"]) for one in listed
            if isinstance(one, dict) and isinstance(one.get("template"), str) and "name" in one}


def _names(directory: Path) -> dict[str, str]:
    """Read the tokens that templates know by name, such as `bos_token`."""
    found = {}
    for key, value in _tokenizer_config(directory).items():
        text = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(text, str):
            found[key] = text
    return found


def _tokenizer_config(directory: Path) -> dict[str, Any]:
    file = directory / "tokenizer_config.json"
    return read_json(file) if file.is_file() else {}

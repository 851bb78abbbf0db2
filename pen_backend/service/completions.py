"""Completions of definitions, streamed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.errors import NotFoundError, PenError
from pen_backend.service.context import Context
from pen_backend.service.registry import Events, rpc

if TYPE_CHECKING:
    from pen_backend.client import Client
    from pen_backend.prompts.definition import Definition


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer, without boundary; the finish reason is stop, length or cancelled."""

    text: str
    finish_reason: str


@dataclass(frozen=True, slots=True)
class CompletionResult:
    """Every candidate, the model that wrote them, and the tokens read and written."""

    candidates: list[Candidate]
    model: str
    prompt_tokens: int
    completion_tokens: int


class Completions:
    """Runs definitions."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc(stream=True)
    def start(self, prompt: str, values: dict[str, str], model: str | None = None, n: int | None = None,
              temperature: float | None = None, max_tokens: int | None = None, seed: int | None = None, *,
              events: Events) -> CompletionResult:
        """Run a definition: deltas by candidate while the model writes, then the whole result."""
        from pen_backend import completion

        definition = self._context.find_prompt(prompt)
        # Rendered before anything is started, so that a missing value is said at once.
        overrides = {"n": n, "temperature": temperature, "max_tokens": max_tokens, "seed": seed}
        body = completion.request(definition, values, model="", max_tokens=self._context.config.max_tokens,
                                  overrides=overrides)
        client = self._context.client(lambda text: events.send("log", what="text", level="info", text=text))
        body["model"] = self._context.config.model_name(model) if model else self._context.model_of(definition, client)
        self._warn(client, definition, body["model"], events)
        streamed = completion.stream(client, definition, body)
        events.on_cancel(streamed.cancel)
        for delta in streamed:
            events.send("delta", index=delta.index, text=delta.text)
        answered = streamed.answered
        return CompletionResult(
            candidates=[Candidate(each.text, each.finish_reason) for each in answered.candidates],
            model=answered.model, prompt_tokens=answered.usage.prompt_tokens,
            completion_tokens=answered.usage.completion_tokens)

    def _warn(self, client: "Client", definition: "Definition", model: str, events: Events) -> None:
        """Say when the model was trained with another form of this definition (prompts.md, section 4)."""
        if not client.local:
            return
        from pen_backend.prompts import template

        try:
            trained = (client.model(model).get("pen") or {}).get("format_hash")
        except NotFoundError:
            raise
        except PenError:
            return
        if trained and trained != template.format_hash(definition):
            events.send("log", what="warning", level="warning", text=self._difference(definition, model))

    def _difference(self, definition: "Definition", model: str) -> str:
        """Say which text changed since MODEL was trained, as far as its training set still tells."""
        from pen_backend.prompts import template

        entry = self._context.ledger.entry_of(model)
        try:
            then = json.loads((Path(entry.plan or "") / "manifest.json").read_bytes())["format"] if entry else {}
        except (OSError, ValueError, KeyError, TypeError):
            then = {}
        for path, old, new in _changes(then, template.hashed(definition)):
            where = Path(definition.where(*path)).name
            return f"{model} was trained with {path[-1]} {json.dumps(old)}; {where} now says {json.dumps(new)}."
        return f"{model} was trained with another form of {definition.name}; tune again, or put the file back."


def _changes(then: object, now: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """Yield what differs between two hashed forms: where, before, after."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in [key for key in then if key in now]:
            yield from _changes(then[key], now[key], (*path, key))
    elif then != now and path:
        yield path, then, now

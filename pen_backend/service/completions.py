"""Completions of definitions, streamed."""

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pen_backend.errors import NotFoundError, PenError, RefusedError
from pen_backend.secrets import mention
from pen_backend.service.context import Context
from pen_backend.service.registry import Events, rpc
from pen_backend.service.remembered import Remembered
from pen_backend.service.waiting import PATIENCE, Waiting, for_model

if TYPE_CHECKING:
    from pen_backend.client import Client
    from pen_backend.prompts.definition import Definition


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer, without boundary; the finish reason is stop, length or cancelled.

    LABEL is the class that it names, if the definition has classes and it names one of them.
    """

    text: str
    finish_reason: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said in a conversation: the model's answer, and the value that is given to the last variable next."""

    answer: str
    value: str


@dataclass(frozen=True, slots=True)
class CompletionResult:
    """Every candidate, the model that wrote them, the tokens read and written, what was read, and where it stops."""

    candidates: list[Candidate]
    model: str
    prompt_tokens: int
    completion_tokens: int
    prompt: str = ""
    stop: list[str] = field(default_factory=list)


_log = logging.getLogger(__name__)
NO_TURNS: list[Turn] = []
NO_STOPS: list[str] = []
LONGER = 4  # times the tokens of a definition that a long answer may have
LONGEST_SHOWN = 80  # characters of a text in the warning that it has changed


class Completions:
    """Runs definitions."""

    def __init__(self, context: Context, *, patience: float = PATIENCE) -> None:
        """CONTEXT is shared by all services; who waits longer than PATIENCE for a first word is told what for."""
        self._context = context
        self._patience = patience

    @rpc(stream=True)
    def start(self, prompt: str, values: dict[str, str], model: str | None = None, n: int | None = None,
              temperature: float | None = None, max_tokens: int | None = None, seed: int | None = None,
              history: list[Turn] = NO_TURNS, without_filters: bool = False, stop: list[str] = NO_STOPS,
              long: bool = False, libre_only: bool = False, project: Path | None = None, *,
              events: Events) -> CompletionResult:
        """Run a definition: deltas by candidate while the model writes, then the whole result.

        HISTORY continues a conversation: VALUES are those of its first request. WITHOUT_FILTERS leaves texts as they
        are on the way in and out; a definition with filters that pen does not run is refused without it. STOP stands
        for its stop sequences. LONG ignores all of them and allows four times its tokens. With LIBRE_ONLY a provider
        that is not on this machine is refused.
        """
        from pen_backend import completion
        from pen_backend.prompts import template

        if libre_only:
            self._refuse_hosted()
        found = self._context.library(project).prompt(prompt)
        definition = _stopping(template.begun(found.without_filters() if without_filters else found, values), stop,
                               long=long)
        # Rendered before anything is started, so that a missing value is said at once.
        overrides = {"n": n, "temperature": temperature, "max_tokens": max_tokens, "seed": seed}
        body = completion.request(definition, values, model="", max_tokens=self._context.config.max_tokens,
                                  overrides=overrides,
                                  history=[template.Turn(turn.answer, turn.value) for turn in history])
        if long and max_tokens is None:
            body = _longer(body)
        client = self._context.client(lambda text: events.send("log", what="text", level="info", text=text))
        body["model"] = self._context.config.model_name(model) if model else self._context.model_of(definition, client)
        manifest = self._trained_on(body["model"])
        self._warn(client, found, body["model"], manifest, events)
        definition = _as_trained(definition, manifest)
        run = self._remembered if definition.cache else self._run
        result = replace(run(client, definition, body, events), prompt=_read(body),
                         stop=[*template.stops(definition)])
        self._note(found.name, result)
        return result

    def _note(self, prompt: str, result: CompletionResult) -> None:
        """Note in the log what was read and written: the texts themselves only with `log.text`."""
        whole = self._context.config.log_text
        _log.info("%s, by %s: read %s", prompt, result.model, mention(result.prompt, whole=whole))
        for each in result.candidates:
            _log.info("%s, by %s: wrote %s (%s)", prompt, result.model, mention(each.text, whole=whole),
                      each.finish_reason)

    def _refuse_hosted(self) -> None:
        """Refuse a provider that is not on this machine."""
        from ipaddress import ip_address
        from urllib.parse import urlsplit

        config = self._context.config
        if config.local:
            return
        host = urlsplit(config.base_url).hostname or ""
        with contextlib.suppress(ValueError):
            if host == "localhost" or ip_address(host).is_loopback:
                return
        raise RefusedError(f"Only models on this machine may answer, and '{config.provider}' is elsewhere.",
                           hint="Set `provider: local` in config.yaml, or turn pen-libre-only off.")

    def _remembered(self, client: "Client", definition: "Definition", body: Mapping[str, Any], events: Events
                    ) -> CompletionResult:
        """Answer a request as it was answered before, if it was; what was cut short is not remembered."""
        from pen_backend.prompts import hashing

        answers = Remembered(self._context.directories.cache / "answers", self._context.disk)
        asked = {"provider": client.base_url if not client.local else "local", "request": body,
                 "read": hashing.reading(definition)}
        before = answers.find(asked)
        if before is not None:
            with contextlib.suppress(KeyError, TypeError):
                candidates = [Candidate(**one) for one in before["candidates"]]
                result = CompletionResult(**{**before, "candidates": candidates})
                for index, one in enumerate(result.candidates):
                    events.send("delta", index=index, text=one.text)
                return result
        result = self._run(client, definition, body, events)
        if not events.cancelled:
            answers.keep(asked, asdict(result))
        return result

    def _run(self, client: "Client", definition: "Definition", body: Mapping[str, Any], events: Events
             ) -> CompletionResult:
        """Ask the model, and send what it writes on as it comes."""
        from pen_backend import completion

        streamed = completion.stream(client, definition, body)
        events.on_cancel(streamed.cancel)
        with Waiting(events, lambda: for_model(self._context, client, str(body["model"])),
                     patience=self._patience) as waiting:
            for delta in streamed:
                waiting.over()
                events.send("delta", index=delta.index, text=delta.text)
        answered = streamed.answered
        return CompletionResult(
            candidates=[Candidate(each.text, each.finish_reason, each.label) for each in answered.candidates],
            model=answered.model, prompt_tokens=answered.usage.prompt_tokens,
            completion_tokens=answered.usage.completion_tokens)

    def _trained_on(self, model: str) -> Mapping[str, Any]:
        """Return the manifest of the training set of a model that was tuned from here, as long as it is there."""
        entry = self._context.ledger.entry_of(model)
        if entry is None or entry.plan is None:
            return {}
        try:
            manifest = json.loads((Path(entry.plan) / "manifest.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return manifest if isinstance(manifest, dict) else {}

    def _warn(self, client: "Client", definition: "Definition", model: str, manifest: Mapping[str, Any],
              events: Events) -> None:
        """Say when the model was trained with another form of this definition (prompts.md, section 4)."""
        from pen_backend.prompts import template

        trained = _hash_of(client, model) if client.local else manifest.get("format_hash")
        if trained and trained != template.format_hash(definition):
            text = _difference(definition, model, manifest.get("format"))
            events.send("log", what="warning", level="warning", text=text)


def _stopping(definition: "Definition", stop: Sequence[str], *, long: bool) -> "Definition":
    """Return a definition that stops at other texts than its own, or at none."""
    if long:
        return definition.without_stops()
    return definition.stopping_at(stop) if stop else definition


def _longer(body: Mapping[str, Any]) -> dict[str, Any]:
    """Allow a request more tokens than its definition does."""
    key = "max_completion_tokens" if "messages" in body else "max_tokens"
    return {**body, key: LONGER * body[key]}


def _read(body: Mapping[str, Any]) -> str:
    """Return what the model read: the prompt, or a chat's texts under their roles."""
    if "messages" in body:
        return "\n\n".join(f"{one['role']}: {one['content']}" for one in body["messages"])
    return str(body["prompt"])


def _hash_of(client: "Client", model: str) -> str | None:
    """Ask the local engine with which form a model was trained; None if it does not know."""
    try:
        return (client.model(model).get("pen") or {}).get("format_hash")
    except NotFoundError:
        raise
    except PenError:
        return None


def _difference(definition: "Definition", model: str, then: object) -> str:
    """Say which key changed since MODEL was trained, as far as its training set still tells."""
    from pen_backend.prompts import hashing

    changes = list(hashing.changes(then, hashing.hashed(definition)))
    if not changes:
        return f"{model} was trained with another form of {definition.name}; tune again, or put the file back."
    path, old, new = changes[0]
    where = Path(definition.where(*path)).name
    more = f" (and {len(changes) - 1} more)" if changes[1:] else ""
    return f"{model} was trained with {_key(path)} {_shown(old)}; {where} now says {_shown(new)}{more}."


def _key(path: Sequence[str | int]) -> str:
    """Name a key of a definition: `prompt-end`, `jokes.join`, `segments[1].text`."""
    from pen_backend.prompts.schema import named

    return named([step for step in path[1:] if isinstance(step, str)] if path[0] in ("format", "vars") else path)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _as_trained(definition: "Definition", manifest: Mapping[str, Any]) -> "Definition":
    """Read answers by the labels that the model was trained with, which its training set remembers."""
    from pen_backend.prompts.classes import ClassMap

    if definition.classes is None or manifest.get("prompt") != definition.name:
        return definition
    remembered = ClassMap.from_json(manifest.get("classes"))
    return definition if remembered is None else definition.with_classes(remembered)

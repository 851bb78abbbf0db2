"""Ask an endpoint what it can do: one short request for each ability that pen's own engine has."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pen_backend.errors import AuthError, DeadlineError, NotFoundError, PenError, UpstreamError

if TYPE_CHECKING:
    from pen_backend.client import Client

PROMPT = "One, two, three,"


@dataclass(frozen=True, slots=True)
class Ability:
    """Something an endpoint can do or not, and what was seen."""

    name: str
    able: bool
    note: str = ""


def abilities(client: "Client", model: str | None = None) -> list[Ability]:
    """Try every ability with MODEL, else with the first one listed; an endpoint that does not answer is its error."""
    return list(_tried(client, model))


def _tried(client: "Client", model: str | None) -> Iterator[Ability]:
    try:
        listed = [str(each["id"]) for each in client.models()]
    except (AuthError, DeadlineError, UpstreamError):
        raise  # nothing else will work
    except PenError as error:
        yield Ability("models", False, error.message)
        listed = []
    else:
        yield Ability("models", True, f"{len(listed)} listed")
    used = model or (listed[0] if listed else None)
    if used is None:
        raise NotFoundError("The endpoint lists no models.", hint="Name one with --model.")
    request = {"model": used, "prompt": PROMPT, "max_tokens": 4}
    for name, probe in PROBES.items():
        try:
            wrong = probe(client, request)
        except PenError as error:
            wrong = error.message
        yield Ability(name, not wrong, wrong)


Probe = Callable[["Client", Mapping[str, Any]], str]


def _completions(client: "Client", request: Mapping[str, Any]) -> str:
    client.complete(request)
    return ""


def _stream(client: "Client", request: Mapping[str, Any]) -> str:
    return "" if list(client.stream(request)) else "nothing was streamed"


def _stop(client: "Client", request: Mapping[str, Any]) -> str:
    texts = [one.text for one in client.complete({**request, "max_tokens": 16, "stop": [" ", "e"]}).choices]
    return "a stop text is in the answer" if any(" " in text or "e" in text for text in texts) else ""


def _n(client: "Client", request: Mapping[str, Any]) -> str:
    found = len(client.complete({**request, "n": 2}).choices)
    return "" if found == 2 else f"{found} instead of 2 answers came"


def _best_of(client: "Client", request: Mapping[str, Any]) -> str:
    found = len(client.complete({**request, "best_of": 2, "n": 1}).choices)
    return "" if found == 1 else f"{found} answers instead of the best one came"


def _seed(client: "Client", request: Mapping[str, Any]) -> str:
    asked = {**request, "max_tokens": 8, "temperature": 1.0, "seed": 7}
    texts = {client.complete(asked).choices[0].text for _ in range(2)}
    return "" if len(texts) == 1 else "equal seeds gave different texts"


def _logprobs(client: "Client", request: Mapping[str, Any]) -> str:
    told = client.complete({**request, "logprobs": 1}).choices[0].logprobs or {}
    return "" if told.get("token_logprobs") else "the answer has no logprobs"


def _echo(client: "Client", request: Mapping[str, Any]) -> str:
    found = client.complete({**request, "max_tokens": 1, "echo": True, "logprobs": 0}).choices[0]
    if not found.text.startswith(PROMPT):
        return "the prompt is not in the answer"
    return "" if len((found.logprobs or {}).get("token_logprobs") or ()) > 1 else "the prompt has no logprobs"


def _token_ids(client: "Client", request: Mapping[str, Any]) -> str:
    client.complete({**request, "prompt": [1, 2, 3]})
    return ""


def _chat(client: "Client", request: Mapping[str, Any]) -> str:
    client.complete({"model": request["model"], "max_tokens": 4, "messages": [{"role": "user", "content": PROMPT}]})
    return ""


def _fine_tuning(client: "Client", request: Mapping[str, Any]) -> str:
    client.jobs(limit=1)
    return ""


PROBES: Mapping[str, Probe] = {
    "completions": _completions, "stream": _stream, "stop": _stop, "n": _n, "best_of": _best_of, "seed": _seed,
    "logprobs": _logprobs, "echo": _echo, "token ids": _token_ids, "chat": _chat, "fine-tuning": _fine_tuning,
}

"""Call a provider: completions, files, jobs and models over the openai client, with faults repeated or translated."""

from __future__ import annotations

import base64
import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import quote, urlsplit

from pen_backend.client import body
from pen_backend.client.answers import Choice, Completion, Usage, reading, text_of, typed
from pen_backend.client.budget import Budget
from pen_backend.client.exchange import USUAL, Bounds, Exchange, under_way
from pen_backend.client.faults import login_page, retry_after, translate
from pen_backend.client.stream import CompletionStream
from pen_backend.errors import ConfigError, DeadlineError, PenError, UpstreamError
from pen_backend.secrets import Secret

if TYPE_CHECKING:
    from openai import OpenAI

Object = dict[str, Any]
Result = TypeVar("Result")

CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
EXPORT_SECONDS = 1800.0                  # a large model is merged before its first byte is sent
CALLS = 3                                # of one request, the first included
REDIRECTS = 0                            # followed: they would carry the key to another host
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
MATCH_SECONDS = 30.0                     # how long a job that may have been created is looked for
PAGES = 1000                             # of one list; a provider that says has_more for ever is stopped


class Client:
    """A provider: completions, files, jobs and models over the openai package."""

    def __init__(self, base_url: str, key: Secret | None, *, local: bool, alive: Callable[[], bool] = lambda: True,
                 sleep: Callable[[float], None] | None = None, clock: Callable[[], float] = time.monotonic,
                 jitter: random.Random | None = None, bounds: Bounds = USUAL) -> None:
        """LOCAL is pen's own engine: its messages are ours and are passed on. ALIVE says whether it still runs."""
        url = urlsplit(base_url)
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in ("127.0.0.1", "localhost", "::1")):
            raise ConfigError("A provider's address must begin with https://.", where=base_url)
        self.base_url = base_url
        self.host = url.netloc.rpartition("@")[2]
        self.local = local
        self.alive = alive
        self._bounds = replace(bounds, values=None) if local else bounds
        self._key = key
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._budget = Budget(clock)
        self._openai: OpenAI | None = None

    def complete(self, request: Mapping[str, Any]) -> Completion:
        """Answer a request with whole candidates: a chat's if it has messages."""
        def call(client: OpenAI) -> Completion:
            answer = _resource(client, request).create(**request, timeout=self._timeout())
            _checked(answer)
            with reading():
                choices = tuple(
                    Choice(one.index, text_of(one), _finished(one.finish_reason),
                           one.logprobs.model_dump(warnings=False) if one.logprobs else None) for one in answer.choices)
                usage = answer.usage
                return Completion(str(answer.model), choices, Usage(usage.prompt_tokens if usage else 0,
                                                                    usage.completion_tokens if usage else 0))

        return self._call(call, self._bounds.completion)

    def stream(self, request: Mapping[str, Any]) -> CompletionStream:
        """Prepare a request as `complete` takes it; iterating makes it, and repeats it only until the answer begins.

        The best of more candidates are known at the end only: they come as one chunk each, and can be cancelled alike.
        """
        choices = int(request.get("n") or 1)
        whole = int(request.get("best_of") or 1) > choices
        streamed: dict[str, Any] = {} if whole else {"stream": True, "stream_options": {"include_usage": True}}

        def call(client: OpenAI) -> Any:
            asked = _resource(client, request).with_raw_response
            answer = asked.create(**request, **streamed, timeout=self._timeout())
            if whole:
                return (one for one in [_checked(answer.parse())])  # a generator, to be closed as a stream is
            if "text/event-stream" not in answer.headers.get("content-type", ""):
                answer.http_response.close()
                raise login_page()
            return answer.parse()

        exchange, seconds = self._exchange(), self._bounds.completion
        return CompletionStream(lambda: self._repeated(call, seconds, exchange), choices, exchange, seconds, self._fail)

    def upload(self, name: str, content: IO[bytes] | bytes) -> str:
        """Upload a training file and return its id."""
        return self._call(lambda client: str(_plain(client.files.create(
            file=(name, content, "application/jsonl"), purpose="fine-tune",
            timeout=self._timeout(self._bounds.upload)))["id"]), self._bounds.upload, calls=1)

    def file(self, file: str) -> Object:
        """Describe one file."""
        return self._call(lambda client: _plain(client.files.retrieve(file)), self._bounds.job)

    def file_content(self, file: str) -> bytes:
        """Return a file's bytes; hosted result files come as base64 and are decoded."""
        return self._call(lambda client: _unwrapped(client.files.content(file).content), self._bounds.upload)

    def models(self) -> list[Object]:
        """List every model."""
        return self._call(lambda client: list(_some(client.models.list(), None)), self._bounds.job)

    def model(self, name: str) -> Object:
        """Describe one model; NotFoundError if there is none of that name."""
        return self._call(lambda client: _plain(client.models.retrieve(name)), self._bounds.job)

    def delete_model(self, name: str) -> None:
        """Delete a tuned model; NotFoundError if there is none of that name."""
        self._call(lambda client: _checked(client.models.delete(name)), self._bounds.job)

    def tokenizer(self, model: str) -> bytes:
        """Return a local model's tokenizer.json."""
        import httpx2

        path = self._own(f"models/{quote(model, safe='')}/tokenizer")
        return self._call(lambda client: client.get(path, cast_to=httpx2.Response).content, self._bounds.job)

    def export(self, model: str, *, merged: bool = False) -> Iterator[bytes]:
        """Yield a local model's folder as the bytes of a tar; MERGED puts its adapter into its base first."""
        path = self._own(f"models/{quote(model, safe='')}/export")
        return self._streamed(f"{path}?merged={str(merged).lower()}")

    def backup(self) -> Iterator[bytes]:
        """Yield the local engine's store as the bytes of a tar."""
        return self._streamed(self._own("backup"))

    def _streamed(self, path: str) -> Iterator[bytes]:
        def call(client: OpenAI) -> Any:
            # The header by which openai's own methods leave an answer unread.
            return client.get(path, cast_to=bytes, options={
                "headers": {"X-Stainless-Raw-Response": "stream"}, "timeout": self._timeout(read=EXPORT_SECONDS)})

        answer: Any = self._call(call, EXPORT_SECONDS, calls=1, endless=True)
        with contextlib.closing(answer):
            try:
                yield from answer.iter_bytes()
            except Exception as error:
                self._fail(error)

    def _own(self, what: str) -> str:
        """Return the address of what only pen's engine has."""
        return f"{self.base_url.removesuffix('/').removesuffix('/v1')}/pen/{what}"

    def create_job(self, request: Mapping[str, Any], key: str) -> Object:
        """Create a fine-tuning job with exactly one effective POST; KEY names this launch, also over repetitions."""
        body = {**request, "metadata": {**request.get("metadata", {}), "pen.launch": key}}
        try:
            return self._call(lambda client: _job(client.fine_tuning.jobs.create(
                **body, extra_headers={"Idempotency-Key": key}, timeout=self._timeout())), self._bounds.job, calls=1)
        except (UpstreamError, DeadlineError):
            # It may have been created all the same: a second POST could train, and cost, twice.
            found = self._created(key)
            if found is None:
                raise
            return found

    def jobs(self, *, limit: int | None = None, metadata: Mapping[str, str] | None = None) -> list[Object]:
        """List jobs, newest first; METADATA keeps those that have these pairs."""
        return self._jobs(limit, metadata or {}, self._bounds.job)

    def _jobs(self, limit: int | None, metadata: Mapping[str, str], seconds: float) -> list[Object]:
        def call(client: OpenAI) -> list[Object]:
            wanted = dict(metadata) or None
            return list(_some(client.fine_tuning.jobs.list(metadata=wanted, limit=min(limit or 100, 100)), limit, _job))

        # Looked at here too: a provider may not know the filter.
        return [job for job in self._call(call, seconds) if (job.get("metadata") or {}).items() >= metadata.items()]

    def job(self, job: str) -> Object:
        """Return one job."""
        return self._call(lambda client: _job(client.fine_tuning.jobs.retrieve(job)), self._bounds.job)

    def cancel_job(self, job: str) -> Object:
        """Cancel a job and return it."""
        return self._call(lambda client: _job(client.fine_tuning.jobs.cancel(job)), self._bounds.job)

    def pause_job(self, job: str) -> Object:
        """Pause a job and return it; it may still run until its step has ended."""
        return self._call(lambda client: _job(client.fine_tuning.jobs.pause(job)), self._bounds.job)

    def resume_job(self, job: str) -> Object:
        """Let a paused job go on and return it."""
        return self._call(lambda client: _job(client.fine_tuning.jobs.resume(job)), self._bounds.job)

    def events(self, job: str, *, until: frozenset[str] | set[str] = frozenset(), limit: int | None = None
               ) -> list[Object]:
        """List a job's events, newest first, back to the first whose id is in UNTIL, at most LIMIT."""
        def call(client: OpenAI) -> list[Object]:
            events = []
            page = client.fine_tuning.jobs.list_events(job, limit=min(limit or 100, 100))
            for event in _some(page, limit):
                if event["id"] in until:
                    break
                events.append(event)
            return events

        return self._call(call, self._bounds.job)

    def checkpoints(self, job: str) -> list[Object]:
        """List a job's public checkpoints, newest first."""
        return self._call(lambda client: list(_some(client.fine_tuning.jobs.checkpoints.list(job, limit=100), None,
                                                    _checkpoint)), self._bounds.job)

    def _created(self, key: str) -> Object | None:
        """Look for a launch that may have arrived although its answer did not."""
        for pause in (0.0, MATCH_SECONDS / 3, MATCH_SECONDS * 2 / 3) if not self.local else (0.0, 0.5, 1.0):
            (self._sleep or time.sleep)(pause)
            with contextlib.suppress(PenError):
                for job in self._jobs(20, {}, min(self._bounds.job, MATCH_SECONDS)):
                    if (job.get("metadata") or {}).get("pen.launch") == key:
                        return job
        return None

    def _fail(self, error: Exception) -> NoReturn:
        """Raise ERROR of a call as ours."""
        raise translate(error, host=self.host, local=self.local) from None

    def _exchange(self, *, endless: bool = False) -> Exchange:
        """Make the exchange of one call; the answer may be ENDLESS."""
        return Exchange("The local engine" if self.local else self.host, self._bounds, endless=endless)

    def _call(self, function: Callable[[OpenAI], Result], seconds: float, *, calls: int = CALLS,
              endless: bool = False) -> Result:
        """Make a call within so many SECONDS, its answer included."""
        exchange = self._exchange(endless=endless)
        with exchange.within(seconds):
            return self._repeated(function, seconds, exchange, calls=calls)

    def _repeated(self, function: Callable[[OpenAI], Result], seconds: float, exchange: Exchange, *,
                  calls: int = CALLS) -> Result:
        """Make a call; repeat it after faults that pass, with decorrelated jitter, until the deadline."""
        deadline = self._clock() + seconds
        pause, made = SHORTEST_PAUSE, 0
        self._budget.call()
        token = under_way.set(exchange)
        try:
            while True:
                made += 1
                try:
                    exchange.begin()
                    result = function(self._connected())
                    exchange.check()  # a body without a length only seems to end where we have hung up
                    return result
                except Exception as error:
                    wait = None if exchange.ended else retry_after(error)
                    if wait is None or made >= min(calls, 2 if isinstance(error, ValueError) else calls):
                        self._fail(exchange.ended or error)
                    pause = min(LONGEST_PAUSE, self._jitter.uniform(SHORTEST_PAUSE, pause * 3))
                    if self._clock() + max(wait, pause) > deadline or not self._budget.repeat():
                        self._fail(error)
                    (self._sleep or exchange.wait)(max(wait, pause))
        finally:
            under_way.reset(token)

    def _connected(self) -> OpenAI:
        if self._openai is None:
            import httpx2
            import openai

            # Each call has a connection of its own: only so its end can close it, also before an answer has begun.
            # Proxies have no business between us and the loopback.
            transport = openai.DefaultHttpxClient(
                follow_redirects=REDIRECTS > 0, trust_env=not self.local,
                event_hooks=body.hooks(),
                limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=0))
            self._openai = openai.OpenAI(base_url=self.base_url, api_key=self._key.reveal() if self._key else "none",
                                         max_retries=0, http_client=transport, timeout=self._timeout())
        return self._openai

    @staticmethod
    def _timeout(write: float = READ_SECONDS, read: float = READ_SECONDS) -> Any:
        import httpx2

        return httpx2.Timeout(connect=CONNECT_SECONDS, read=read, write=write, pool=CONNECT_SECONDS)


def _resource(client: OpenAI, request: Mapping[str, Any]) -> Any:
    """Choose what answers a request: a prompt is completed, messages are a chat."""
    return client.chat.completions if "messages" in request else client.completions


def _checked(answer: Any) -> Any:
    """Refuse an answer that is no object: openai returns an HTML page's text as a success."""
    if isinstance(answer, str | bytes):
        raise login_page()
    return answer


def _finished(reason: str | None) -> str:
    if not reason:
        raise UpstreamError("The answer ended before it was complete.", hint="Try again.")
    return reason


def _unwrapped(content: bytes) -> bytes:
    """Decode a result table that is base64; one that begins as such a table does is plain already."""
    if content.startswith(b"step,"):
        return content
    try:
        decoded = base64.b64decode(content, validate=True)
    except ValueError:
        return content
    return decoded if decoded.startswith(b"step,") else content


def _plain(answer: Any) -> Object:
    """Return a provider's object as plain JSON, with the keys only pen's engine has."""
    _checked(answer)
    with reading():
        plain: Object = answer.model_dump(mode="json", warnings=False)  # they would quote what the provider said
        typed(str, plain["id"])
        typed(dict, plain.get("metadata") or {})
    return plain


def _job(answer: Any) -> Object:
    """Return a provider's job as plain JSON; UpstreamError unless it has a status, a model and a time."""
    job = _plain(answer)
    with reading():
        typed(str, job["status"], job["model"])
        typed(int, job["created_at"])
        typed(dict, *(job.get(key) or {} for key in ("error", "method", "pen")))
    return job


def _checkpoint(answer: Any) -> Object:
    """Return a provider's checkpoint as plain JSON; UpstreamError unless it names a model."""
    checkpoint = _plain(answer)
    with reading():
        typed(str, checkpoint["fine_tuned_model_checkpoint"])
        typed(dict, checkpoint.get("metrics") or {})
    return checkpoint


def _some(page: Any, limit: int | None, read: Callable[[Any], Object] = _plain) -> Iterator[Object]:
    """Yield a list's objects over its pages, at most LIMIT, each as READ returns it."""
    _checked(page)
    seen = 0
    for _ in range(PAGES):
        with reading():
            data = list(page.data)
        for one in data:
            yield read(one)
            seen += 1
            if seen == limit:
                return
        with reading():
            if not page.has_next_page():
                return
            page = _checked(page.get_next_page())

"""A completion as it is written: chunks, asked for when iterating begins, and ended from any thread."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from pen_backend.client.answers import Chunk, Usage, reading, text_of
from pen_backend.client.exchange import Exchange
from pen_backend.errors import CancelledError, UpstreamError


class CompletionStream:
    """Chunks as they arrive, asked for when iterating begins; `usage` is known at the end.

    `cancel` may be called from any thread at any time, also before the provider has answered.
    """

    def __init__(self, ask: Callable[[], Any], wanted: int, exchange: Exchange, seconds: float,
                 fail: Callable[[Exception], NoReturn]) -> None:
        """ASK opens openai's stream of WANTED candidates; FAIL raises its errors as ours."""
        self.usage: Usage | None = None
        self.cancelled = False
        self._ask = ask
        self._open = set(range(wanted))
        self._exchange = exchange
        self._seconds = seconds
        self._fail = fail

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks; UpstreamError if the stream ends before every candidate has its finish reason."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._exchange.within(self._seconds))
            try:
                chunks = self._ask()
                stack.callback(chunks.close)
                with reading():
                    yield from self._read(chunks)
            except Exception as error:
                if not self.cancelled:
                    self._fail(self._exchange.ended or error)
        if self._open and not self.cancelled:  # the client calls this short text a success
            self._exchange.check()
            raise UpstreamError("The answer ended before it was complete.", hint="Try again.")

    def _read(self, chunks: Any) -> Iterator[Chunk]:
        for answer in chunks:
            for choice in answer.choices or ():
                if choice.finish_reason:
                    self._open.discard(choice.index)
                yield Chunk(choice.index, text_of(choice), choice.finish_reason)
            if answer.usage is not None:
                self.usage = Usage(answer.usage.prompt_tokens, answer.usage.completion_tokens)

    def cancel(self) -> None:
        """End the stream now, also while another thread waits for its answer or its next chunk."""
        self.cancelled = True
        self._exchange.end(CancelledError("The request was cancelled."))

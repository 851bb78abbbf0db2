"""The body of an answer, unpacked and counted as it is read: hooks for an httpx client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pen_backend.client.exchange import Exchange, under_way

if TYPE_CHECKING:
    import httpx2


def hooks() -> dict[str, list[Callable[..., Any]]]:
    """Return the hooks by which a client keeps the limits of the exchange that its requests belong to."""
    import httpx2

    class Body(httpx2.SyncByteStream):
        def __init__(self, response: httpx2.Response, exchange: Exchange) -> None:
            self._packed = httpx2.Response(response.status_code, headers=response.headers, stream=response.stream,
                                           request=response.request)
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            self._lines = kind == "text/event-stream"
            self._values = kind.endswith("json")  # what openai parses
            self._exchange = exchange

        def __iter__(self) -> Iterator[bytes]:
            for piece in self._packed.iter_bytes():
                self._exchange.received(piece, lines=self._lines, values=self._values)
                yield piece

        def close(self) -> None:
            self._packed.close()

    def bound(response: httpx2.Response) -> None:
        exchange = under_way.get()
        if exchange is not None:
            response.stream = Body(response, exchange)
            # What is counted is unpacked already: a megabyte of gzip may hold a gigabyte.
            response.headers.pop("content-encoding", None)

    return {"request": [_follow], "response": [bound]}


def _follow(request: httpx2.Request) -> None:
    """Have the exchange told of its connection."""
    exchange = under_way.get()
    if exchange is not None:
        request.extensions["trace"] = exchange.trace

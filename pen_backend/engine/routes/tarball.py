"""A tar as an answer."""

from collections.abc import Callable, Iterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Tarball(StreamingResponse):
    """A tar; when it is sent, or nobody waits for it any more, what it was made from is let go."""

    def __init__(self, pieces: Iterator[bytes], size: int, done: Callable[[], object]) -> None:
        super().__init__(pieces, media_type="application/x-tar", headers={"content-length": str(size)})
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI wants it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._done()

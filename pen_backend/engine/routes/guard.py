"""The guard in front of all routes: it judges a request before its body is read."""

import contextlib
import hmac
import ipaddress
import socket
import time

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pen_backend.engine.routes.http import Engine, error_response
from pen_backend.engine.wire.errors import ApiError, unavailable
from pen_backend.engine.wire.ids import new_id

ASIDE = ("/pen/health", "/pen/status", "/pen/stop")  # whoever only asks for these does not keep the engine from ending


class Guard:
    """Judges every request before its body is read: Host, Origin, token; and gives every answer its request id."""

    def __init__(self, app: ASGIApp, engine: Engine, port: int, *, remote: bool = False) -> None:
        self._app = app
        self._engine = engine
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
        self._remote = remote
        self.active = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        identifier = new_id("req_")
        repeats = request.method == "POST" and request.url.path == "/v1/fine_tuning/jobs" and \
            "idempotency-key" not in request.headers

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (b"x-request-id", identifier.encode())]
                if message["status"] >= 500 and repeats:  # the client would create a second job by itself
                    headers = [each for each in headers if each[0] != b"x-should-retry"]
                    headers.append((b"x-should-retry", b"false"))
                message["headers"] = headers
            await send(message)

        works = request.url.path not in ASIDE
        self._engine.requests += works
        try:
            refusal = self._refusal(request)
            if refusal is not None:
                await error_response(refusal)(scope, receive, named)
            else:
                self.active = time.monotonic() if works else self.active
                await self._app(scope, receive, named)
        finally:
            self._engine.requests -= works
            self.active = time.monotonic() if works else self.active

    def _refusal(self, request: Request) -> ApiError | None:
        headers = request.headers
        host = headers.get("host", "").lower()
        if host not in self._hosts and not (self._remote and _is_ours(host)):
            return ApiError(421, "wrong_host", "This engine answers to its own address only.")
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return ApiError(403, "forbidden_origin", "Web pages may not use this engine.")
        if request.url.path == "/pen/health":
            return None
        kind, _, token = headers.get("authorization", "").partition(" ")
        known = self._engine.token.reveal().encode()
        if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), known):
            return ApiError(401, "invalid_api_key",
                            "The token is missing or wrong; the engine's runtime file has the right one.")
        if self._engine.draining and request.url.path not in ("/pen/status", "/pen/stop"):
            return unavailable("The engine is stopping; start it again.")
        return None


def _is_ours(host: str) -> bool:
    """Say whether a Host header is this machine's name or an address; a name that somebody made up leads elsewhere."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name.removeprefix("[").removesuffix("]")))
    return name in (socket.gethostname().lower(), socket.getfqdn().lower())

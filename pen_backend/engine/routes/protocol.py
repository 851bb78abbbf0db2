"""HTTP as uvicorn speaks it, but what is no HTTP at all is refused with the same body as every other error."""

import contextlib

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pen_backend.engine.routes.http import answer
from pen_backend.engine.wire.errors import invalid_value
from pen_backend.engine.wire.ids import new_id


class Protocol(H11Protocol):
    """One connection."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, and close; whoever works on its beginning need not answer any more."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        error = invalid_value(None, "The request is not valid HTTP, or its head is too long.")
        response = answer(error.body, error.status)
        headers = [*response.raw_headers, (b"x-request-id", new_id("req_").encode()), (b"connection", b"close")]
        with contextlib.suppress(h11.LocalProtocolError):  # an answer is under way already: it ends here
            for event in (h11.Response(status_code=error.status, headers=headers),
                          h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

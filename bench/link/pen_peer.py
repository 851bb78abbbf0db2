"""A service of one method, `bench-echo`, on the real transport."""

import os
import sys
from pathlib import Path

from pen_backend.transports.serve import run, take_wire

READER, WRITER = take_wire()

from pen_backend.service.registry import build_registry, rpc  # noqa: E402 - after the wire is safe


class Echo:
    """The one method."""

    @rpc(inline=True)
    def echo(self, text: str) -> str:
        """Return the text."""
        return text


run(build_registry({"bench": Echo()}), READER, WRITER, Path(sys.argv[1]), os.getppid())

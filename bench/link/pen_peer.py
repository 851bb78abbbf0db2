"""A service with a few methods on the real transport: echo, records both ways, and a flood of events."""

import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from pen_backend.service.registry import build_registry, rpc
from pen_backend.transports.epc_codec import frame
from pen_backend.transports.serve import python2_names, take_wire
from pen_backend.transports.service_log import install

READER, WRITER = take_wire()
with python2_names():
    from pen_backend.transports.epc_server import PipeServer


@dataclass(frozen=True, slots=True)
class Record:
    """What the records are made of."""

    text: str
    weight: float
    label: str | None


RECORDS = [Record(f"What do you call cow {index}? \"Ground beef\".", index / 7, None) for index in range(1000)]
TEXT = ("What do you call a cow with no legs? \"Ground beef\" — größe\n" * 20_000)[:1_000_000]


class Bench:
    """The methods."""

    def __init__(self) -> None:
        self.write = lambda data: None

    @rpc(inline=True)
    def echo(self, text: str) -> str:
        """Return the text."""
        return text

    @rpc(inline=True)
    def length(self, text: str) -> int:
        """Take a text."""
        return len(text)

    @rpc(inline=True)
    def text(self) -> str:
        """Give a text."""
        return TEXT

    @rpc(inline=True)
    def take(self, records: list[Record]) -> int:
        """Take records."""
        return len(records)

    @rpc(inline=True)
    def give(self) -> list[Record]:
        """Give records."""
        return RECORDS

    @rpc(inline=True)
    def flood(self, name: str, count: int) -> str:
        """Send COUNT events of eight characters, each in its frame, and a last one."""

        def send() -> None:
            for number in range(count):
                self.write(frame(f'(call 0 pen-event ("{name}" {number} delta (:index 0 :text "{number:08d}")))'))
            self.write(frame(f'(call 0 pen-event ("{name}" {count} done (:reason finished)))'))

        threading.Thread(target=send).start()
        return name


bench = Bench()
server = PipeServer(build_registry({"bench": bench}), note=install(Path(sys.argv[1]) / "service.log").note)
bench.write = lambda data: server.clients[0].write(data)
server.watch_parent(os.getppid())
server.serve(READER, WRITER)

"""The same methods on the server of the `epc` package as it is shipped, for epc.el."""

import logging
import threading

from epc.server import ThreadingEPCServer
from sexpdata import Symbol

RECORDS = [[Symbol(":text"), f"What do you call cow {index}? \"Ground beef\".", Symbol(":weight"), index / 7,
            Symbol(":label"), []] for index in range(1000)]

logging.getLogger("epc").setLevel(logging.WARNING)
server = ThreadingEPCServer(("localhost", 0))
server.daemon_threads = True


def echo(text):
    """Return the text."""
    return text


def take(records):
    """Take records."""
    return len(records)


def give():
    """Give records."""
    return RECORDS


def flood(count):
    """Send events of eight characters, and a last one."""
    def send():
        client = server.clients[0]
        for number in range(count):
            client.call("pen-event", [number, f"{number:08d}"])
        client.call("pen-event", [count, "done"])

    threading.Thread(target=send).start()
    return count


for function in (echo, take, give, flood):
    server.register_function(function)
server.print_port()
server.serve_forever()

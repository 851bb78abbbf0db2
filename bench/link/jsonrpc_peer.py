"""The same methods over JSON-RPC, framed as jsonrpc.el frames them, by the fastest JSON there is."""

import sys
import threading

import orjson

RECORDS = [{"text": f"What do you call cow {index}? \"Ground beef\".", "weight": index / 7, "label": None}
           for index in range(1000)]
TEXT = ("What do you call a cow with no legs? \"Ground beef\" — größe\n" * 20_000)[:1_000_000]

reader, writer = sys.stdin.buffer, sys.stdout.buffer
sending = threading.Lock()


def send(message: dict) -> None:
    """Write one message."""
    body = orjson.dumps(message)
    with sending:
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.flush()


def flood(count: int) -> None:
    """Send notifications of eight characters, and a last one."""
    for number in range(count):
        send({"jsonrpc": "2.0", "method": "event", "params": {"index": 0, "text": f"{number:08d}"}})
    send({"jsonrpc": "2.0", "method": "event", "params": {"done": True}})


METHODS = {
    "echo": lambda given: given["text"], "length": lambda given: len(given["text"]), "text": lambda given: TEXT,
    "take": lambda given: len(given["records"]), "give": lambda given: RECORDS,
    "flood": lambda given: threading.Thread(target=flood, args=(given["count"],)).start(),
}

while header := reader.readline():
    reader.readline()
    message = orjson.loads(reader.read(int(header.split(b":")[1])))
    send({"jsonrpc": "2.0", "id": message["id"], "result": METHODS[message["method"]](message["params"])})

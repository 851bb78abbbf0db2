"""Answers JSON-RPC requests with their own parameters, framed as jsonrpc.el frames them."""

import json
import sys

reader, writer = sys.stdin.buffer, sys.stdout.buffer
while header := reader.readline():
    reader.readline()
    message = json.loads(reader.read(int(header.split(b":")[1])))
    body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": message["params"]["text"]}).encode()
    writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    writer.flush()

"""Requests that are wrong in every way somebody has thought of, drawn by seed."""

import json
import random
from collections.abc import Callable
from typing import Any

PATHS = ("/v1/models", "/v1/models/{id}", "/v1/files", "/v1/files/{id}", "/v1/files/{id}/content",
         "/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/{id}", "/v1/fine_tuning/jobs/{id}/cancel",
         "/v1/fine_tuning/jobs/{id}/pause", "/v1/fine_tuning/jobs/{id}/resume", "/v1/fine_tuning/jobs/{id}/events",
         "/v1/fine_tuning/jobs/{id}/checkpoints", "/v1/completions", "/v1/chat/completions",
         "/v1/engines/{id}/completions", "/pen/status", "/pen/health", "/pen/models/{id}/tokenizer",
         "/pen/models/{id}/export", "/pen/backup", "/{id}", "/v1/{id}")
WRITTEN = frozenset(path for path in PATHS if path == "/v1/files" or path.endswith(
    ("completions", "/jobs", "/cancel", "/pause", "/resume")))
IDS = ("x", "tiny", "..%2f..%2fetc%2fpasswd", "../../pen.db", "file-" + "a" * 24, "ftjob-" + "a" * 24, "%00", "%ff%fe",
       "a" * 300, "%2e%2e", "CON", "-", "'; DROP TABLE jobs; --".replace(" ", "%20"), "%F0%9F%92%A9",
       "ft:tiny:local::x")
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "QUERY", "TRACE", "BREW", "get")
QUERIES = ("", "", "", "?limit=0", "?limit=-1", "?limit=99999999999999999999", "?limit=1e3", "?after=nobody", "?after=",
           "?order=up", "?metadata[=x", "?metadata[a]=b", "?%00=%ff", "?nonce=zz", "?merged=perhaps", "?" + "a" * 500)
KINDS = ("application/json", "application/json; charset=latin-1", "text/plain", "", "multipart/form-data",
         "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json" * 9, "\t;;=,")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 10**30, "", "a", "\x00", "é" * 50, "../../etc/passwd", "\ud83d\ude00", [], {},
    [[]], [None], ["a"] * 3, {"a": {"b": {}}}, "9" * 400, -0.0, [1, "2"], {"type": "supervised"})
WHOLE: tuple[dict[str, Any], ...] = (
    {"model": "tiny", "prompt": "a", "max_tokens": 1},
    {"model": "tiny", "messages": [{"role": "user", "content": "a"}], "max_tokens": 1},
    {"model": "tiny", "training_file": "file-" + "a" * 24, "hyperparameters": {"n_epochs": 1}},
    {"model": "tiny", "training_file": "file-x", "method": {"type": "dpo"}, "pen": {"tune": "full"}})
KEYS = ("model", "prompt", "messages", "max_tokens", "n", "best_of", "stop", "stream", "logprobs", "logit_bias", "seed",
        "training_file", "method", "hyperparameters", "pen", "metadata", "suffix", "integrations", "user", "no")
RAW = (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 5000, b'{"a":' * 200,
       b'{"a": 1' + b"0" * 5000 + b"}", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n",
       b'--x\r\nContent-Disposition: form-data; name="file"; filename="../../a"\r\n\r\n{}\r\n--x--\r\n', b"\x00" * 100,
       b"--x\r\n" + b"A: b\r\n" * 400 + b"\r\n--x--\r\n", b'{"model": "tiny", "model": 3}')


def request(draw: random.Random, port: int, token: str) -> bytes:
    """Draw one whole request; what answers it may also close the connection."""
    path, method = draw.choice(PATHS), draw.choice(METHODS)
    if draw.random() < 0.8:
        method = "POST" if path in WRITTEN else "GET"
    body = draw.choice((_changed, _changed, _raw, lambda _: b""))(draw)
    right = "multipart/form-data; boundary=x" if path == "/v1/files" else "application/json"
    headers = {"Host": f"127.0.0.1:{port}", "Authorization": f"Bearer {token}",
               "Content-Type": right if draw.random() < 0.8 else draw.choice(KINDS), "Content-Length": str(len(body)),
               "Connection": "close"}
    path = path.format(id=draw.choice(IDS)) + draw.choice(QUERIES)
    draw.choice(SPOILERS)(draw, headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogatepass") + body


def _raw(draw: random.Random) -> bytes:
    return draw.choice(RAW)


def _changed(draw: random.Random) -> bytes:
    """Change something in a request that is right."""
    body = json.loads(json.dumps(draw.choice(WHOLE)))
    for _ in range(draw.randint(1, 3)):
        body[draw.choice(KEYS)] = draw.choice(VALUES)
    data = bytearray(json.dumps(body).encode())
    for _ in range(draw.choice((0, 0, 0, 1, 3))):
        data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def _headers(**changes: str) -> Callable[[random.Random, dict[str, str]], None]:
    def change(_: random.Random, headers: dict[str, str]) -> None:
        headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    return change


def _unlength(draw: random.Random, headers: dict[str, str]) -> None:
    headers["Content-Length"] = draw.choice(("-1", "x", "1e3", str(1 << 40), "99999999999999999999999"))


SPOILERS: tuple[Callable[[random.Random, dict[str, str]], None], ...] = (
    *[_headers()] * 14,
    _headers(Authorization="Bearer x"), _headers(Authorization="\u00e9"), _headers(Origin="http://evil.example"),
    _headers(Host="evil.example"), _headers(Sec_Fetch_Site="cross-site"), _headers(Range="bytes=0-1,5-9,1-"),
    _headers(Idempotency_Key="k" * 300), _headers(Idempotency_Key="k"), _headers(Transfer_Encoding="chunked"),
    _headers(Expect="100-continue"), _headers(X="a" * 3000), _unlength)

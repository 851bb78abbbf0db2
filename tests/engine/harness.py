"""A real engine process for tests, and a small HTTP client that checks every answer."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tests.engine import contract

PROGRAMS = Path(__file__).parent / "programs"
SCRIPTED = {"trainer_argv": [sys.executable, "-P", str(PROGRAMS / "trainer.py")],
            "worker_argv": [sys.executable, "-P", str(PROGRAMS / "worker.py"), "0.002"]}
START_SECONDS = 60.0
SECONDS = 90.0  # of patience with a job: others may be before it, and a busy machine starts their programs slowly


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.body))

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


class EngineProcess:
    """One engine process in a directory of its own."""

    def __init__(self, state: Path, bases: Path, **settings: Any) -> None:
        self.state = state
        self._settings = {"idle_minutes": 5, "grace": 30.0, "ballast_bytes": 1 << 16, "bases": [str(bases)], **settings}
        self.process: subprocess.Popen[bytes] | None = None
        self.token = ""
        self.port = 0

    def start(self) -> "EngineProcess":
        self.state.mkdir(exist_ok=True)
        self.state.chmod(0o700)
        with (self.state / "engine.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(PROGRAMS / "engine.py"), str(self.state), json.dumps(self._settings)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                found = json.loads((self.state / "engine.json").read_text())
                if found["pid"] == self.process.pid:
                    self.token = found["token"]
                    self.port = int(found["base_url"].rpartition(":")[2].removesuffix("/v1"))
                    return self
            assert self.process.poll() is None, (self.state / "engine.log").read_text()
            time.sleep(0.01)
        raise AssertionError((self.state / "engine.log").read_text())

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30 + self._settings["grace"])

    def request(self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None,
                token: str | None = None) -> Answer:
        """Send one request with the token; a body that is not bytes goes as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        sent = {"Authorization": f"Bearer {self.token if token is None else token}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            headers = {key.lower(): value for key, value in response.getheaders()}
            found = Answer(response.status, headers, response.read())
        finally:
            connection.close()
        assert found.headers["x-request-id"].startswith("req_")
        contract.check(method, path.partition("?")[0], found.status, found.headers.get("content-type", ""), found.body)
        return found

    def get(self, path: str) -> dict[str, Any]:
        found = self.request("GET", path)
        assert found.status == 200, found.body
        return found.json

    def upload(self, content: bytes, *, name: str = "train.jsonl", purpose: str = "fine-tune",
               fields: Mapping[str, str] | None = None) -> Answer:
        """Upload a file as the openai client does."""
        parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
                 for key, value in {"purpose": purpose, **(fields or {})}.items()]
        parts.append(f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                     "Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n--x--\r\n")
        return self.request("POST", "/v1/files", b"".join(parts),
                            headers={"Content-Type": "multipart/form-data; boundary=x"})

    def create_job(self, script: Mapping[str, Any] | None = None, **body: Any) -> dict[str, Any]:
        """Create a job on fresh data; SCRIPT is what the scripted trainer is to do."""
        if "training_file" not in body:
            body["training_file"] = self.upload(LINES).json["id"]
        if script is not None:
            body["pen"] = {"completions_every": 1, "completion_prompts": [json.dumps(script)], **body.get("pen", {})}
        found = self.request("POST", "/v1/fine_tuning/jobs", {"model": "tiny", "seed": 1, **body})
        assert found.status == 200, found.body
        return found.json

    def wait(self, job_id: str, *states: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait until a job is in one of STATES, by default one in which it has ended."""
        wanted = states or ENDED
        deadline = time.monotonic() + seconds
        while True:
            job = self.get(f"/v1/fine_tuning/jobs/{job_id}")
            if job["status"] in wanted:
                return job
            if job["status"] in ENDED or time.monotonic() > deadline:
                raise AssertionError(f"{job_id} is {job['status']}, not {wanted}: {job['error']}")
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until no job is left that would change files or lists: those of earlier tests go on after them."""
        for job in self.get("/v1/fine_tuning/jobs?limit=10000")["data"]:
            if job["status"] not in ENDED:
                self.wait(job["id"], *ENDED, "paused")

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """List all events of a job, oldest first."""
        found = self.get(f"/v1/fine_tuning/jobs/{job_id}/events?limit=10000")
        assert not found["has_more"]
        return list(reversed(found["data"]))


ENDED = ("succeeded", "failed", "cancelled")
LINES = b"".join(json.dumps({"prompt": f"Q{i}:", "completion": f" A{i}"}).encode() + b"\n" for i in range(40))


@contextlib.contextmanager
def engine(state: Path, bases: Path, **settings: Any) -> Iterator[EngineProcess]:
    """Run an engine for a while; its trainers and it are gone afterwards."""
    found = EngineProcess(state, bases, **settings).start()
    try:
        yield found
    finally:
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            found.stop()
        if found.process is not None and found.process.poll() is None:
            found.kill()
        for pid in processes_in(state):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    contract.check_answers(state / "answers.jsonl")


@contextlib.contextmanager
def real_engine(directory: Path, **settings: Any) -> Iterator[EngineProcess]:
    """Run an engine with the real programs on a two-layer random model, on one thread."""
    from tests.engine.nn.tiny import make_model  # imports torch

    make_model(directory / "bases" / "tiny")
    with engine(directory / "state", directory / "bases", threads=1, **settings) as running:
        yield running


def processes_in(state: Path, job: str = "") -> list[int]:
    """List the processes whose arguments name a job's directory in STATE: this test's own trainers, or one JOB's."""
    begin = os.fsencode(f"{state}/jobs/{job}")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                if any(argument.startswith(begin) for argument in arguments):
                    found.append(int(entry.name))
    return found


def tiny_base(folder: Path) -> Path:
    """Write a base that the scripted programs never load; return the folder of bases."""
    path = folder / "tiny"
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"max_position_embeddings": 64, "vocab_size": 100, "bos_token_id": 0,
                                                  "eos_token_id": 0}))
    (path / "tokenizer.json").write_text('{"version": "1.0"}')
    header = json.dumps({"layers.0.weight": {"dtype": "F32", "shape": [8, 4], "data_offsets": [0, 128]}}).encode()
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(128))
    return folder

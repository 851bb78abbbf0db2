import hashlib
import hmac
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pen_backend.engine_process import EngineProcess, read_runtime_file
from pen_backend.errors import StartError
from pen_backend.files import process_start_time
from tests.conftest import LiveEngine

TOKEN = "token-0123456789abcdef"


@contextmanager
def impostor(token: str, *, status: int = 200, proves: bool = True) -> Iterator[tuple[str, list[Mapping[str, str]]]]:
    """A server that answers health checks with TOKEN's proof and keeps the headers it was sent."""
    seen: list[Mapping[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            nonce = parse_qs(urlsplit(self.path).query).get("nonce", [""])[0]
            proof = hmac.new(token.encode(), nonce.encode(), hashlib.sha256).hexdigest()
            body = json.dumps({"ok": True, **({"proof": proof} if proves else {})})
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", seen
    finally:
        server.shutdown()
        server.server_close()


def write_runtime(state: Path, base_url: str, **changes: object) -> Path:
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = state / "engine.json"
    path.write_text(json.dumps({"base_url": base_url, "token": TOKEN, "pid": os.getpid(),
                                "pid_start_time": process_start_time(os.getpid()), "version": "0.1.0", **changes}))
    path.chmod(0o600)
    return path


def engine_in(state: Path, *, program: str = "", ends: bool = True, seconds: float = 60, stop_seconds: float = 60,
              needed: Sequence[str] = (), sleep: Callable[[float], None] = time.sleep) -> EngineProcess:
    """An engine process whose program is PROGRAM instead of the real one; one that ENDS has ended when it is looked at.
    """
    def spawn(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
        with log.open("ab") as stream:
            child = subprocess.Popen([sys.executable, "-c", program], stdout=stream, stderr=stream, env=dict(environ))
        if ends:
            child.wait(60)
        return child

    return EngineProcess(state, log=state.parent / "logs" / "engine.log", environ=os.environ, spawn=spawn,
                         start_seconds=seconds, stop_seconds=stop_seconds, needed=needed, sleep=sleep)


def test_an_engine_that_proves_itself_is_found_without_sending_the_token(tmp_path: Path) -> None:
    with impostor(TOKEN) as (url, seen):
        write_runtime(tmp_path / "s", url)
        running = engine_in(tmp_path / "s").find()
    assert running is not None
    assert running.base_url == url
    assert not any(TOKEN in value for headers in seen for value in headers.values())


def test_an_impostor_on_the_recorded_port_is_not_believed(tmp_path: Path) -> None:
    with impostor("another-token") as (url, seen):
        write_runtime(tmp_path / "s", url)
        assert engine_in(tmp_path / "s").find() is None
    assert not any("authorization" in {name.lower() for name in headers} for headers in seen)


@pytest.mark.parametrize("spoil", [
    lambda path: path.chmod(0o644),
    lambda path: path.parent.chmod(0o777),
    lambda path: (path.rename(path.with_name("real")), path.symlink_to("real")),
    lambda path: path.write_text("{"),
    lambda path: path.write_text("[]"),
    lambda path: path.write_text(path.read_text().replace("127.0.0.1", "example.com")),
    lambda path: path.write_text(path.read_text().replace("http://", "https://")),
    lambda path: path.write_text(path.read_text().replace('"pid"', '"dip"')),
], ids=["readable", "open-directory", "symlink", "torn", "list", "other-host", "other-scheme", "no-pid"])
def test_a_runtime_file_that_could_be_planted_is_ignored(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path = write_runtime(tmp_path / "s", "http://127.0.0.1:1/v1")
    assert read_runtime_file(path) is not None
    spoil(path)
    assert read_runtime_file(path) is None


def test_a_process_that_is_gone_or_another_one_is_not_the_engine(tmp_path: Path) -> None:
    with impostor(TOKEN) as (url, _):
        write_runtime(tmp_path / "s", url, pid_start_time=1)
        assert engine_in(tmp_path / "s").find() is None
        write_runtime(tmp_path / "s", url, pid=2 ** 22 - 1)
        assert engine_in(tmp_path / "s").find() is None


def test_a_program_that_ends_at_once_is_an_error_with_its_last_lines(tmp_path: Path) -> None:
    program = "print('one'); print('sk-abcdefgh12345678'); print('no room left'); raise SystemExit(70)"
    with pytest.raises(StartError) as failure:
        engine_in(tmp_path / "s", program=program).start()
    assert "status 70" in str(failure.value)
    assert "no room left" in str(failure.value)
    assert "abcdefgh" not in str(failure.value)


def test_a_program_that_never_answers_is_ended_at_the_deadline(tmp_path: Path) -> None:
    process = engine_in(tmp_path / "s", program="import time; time.sleep(600)", ends=False, seconds=0.3)
    with pytest.raises(StartError, match="did not answer within"):
        process.start()
    assert process._child is not None
    assert process._child.wait(60) != 0


def test_losing_the_race_for_the_lock_waits_for_the_winner(tmp_path: Path) -> None:
    with impostor(TOKEN) as (url, _):
        def win(seconds: float) -> None:
            write_runtime(tmp_path / "s", url)

        assert engine_in(tmp_path / "s", program="raise SystemExit(3)", sleep=win).start().base_url == url


@pytest.mark.parametrize(("status", "proves"), [(503, True), (503, False), (200, False)])
def test_an_engine_that_is_stopping_is_not_found(status: int, proves: bool, tmp_path: Path) -> None:
    with impostor(TOKEN, status=status, proves=proves) as (url, seen):
        write_runtime(tmp_path / "s", url)
        assert engine_in(tmp_path / "s").find() is None
    assert seen


def test_an_engine_is_started_again_once_the_one_that_stops_lets_go(tmp_path: Path) -> None:
    spawned: list[Sequence[str]] = []

    def spawn(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
        spawned.append(argv)
        if len(spawned) == 3:
            write_runtime(tmp_path / "s", url)
        child = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({3 if len(spawned) < 3 else 0})"])
        child.wait(60)
        return child

    with impostor(TOKEN, status=503) as (old, _), impostor(TOKEN) as (url, _):
        write_runtime(tmp_path / "s", old)
        process = EngineProcess(tmp_path / "s", log=tmp_path / "logs" / "engine.log", environ=os.environ, spawn=spawn,
                                start_seconds=0.8, stop_seconds=60, needed=())
        assert process.start().base_url == url
    assert len(spawned) == 3


def test_waiting_for_an_engine_that_never_lets_go_has_an_end(tmp_path: Path) -> None:
    process = engine_in(tmp_path / "s", program="raise SystemExit(3)", seconds=0.5, stop_seconds=0.5)
    with pytest.raises(StartError, match="did not answer within 1 seconds"):
        process.start()


def test_an_engine_that_is_stopping_already_is_waited_for(tmp_path: Path) -> None:
    with impostor(TOKEN, status=503) as (url, seen), subprocess.Popen([sys.executable, "-c", "input()"],
                                                                     stdin=subprocess.PIPE) as stopping:
        write_runtime(tmp_path / "s", url, pid=stopping.pid, pid_start_time=process_start_time(stopping.pid))

        def end(seconds: float) -> None:
            stopping.communicate(b"\n")

        process = engine_in(tmp_path / "s", sleep=end)
        assert process.stop(seconds=60)
        assert process_start_time(stopping.pid) is None
    assert not any("authorization" in {name.lower() for name in headers} for headers in seen)
    assert not process.stop()


def test_waiting_for_an_engine_that_never_ends_its_stop_has_an_end(tmp_path: Path) -> None:
    process = engine_in(tmp_path / "s")
    with impostor(TOKEN, status=503) as (url, _):
        write_runtime(tmp_path / "s", url)
        with pytest.raises(StartError, match="is stopping and does not end"):
            process.stop(seconds=0.2)


def test_a_missing_extra_is_one_sentence_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"pip install 'pen-backend\[engine\]'"):
        engine_in(tmp_path / "s", needed=["no_such_module_of_pen"]).start()


@pytest.mark.slow
def test_the_real_engine_is_found_asked_and_started_once(engine: LiveEngine) -> None:
    assert engine.process.find() == engine.running
    assert engine.process.start() == engine.running
    assert engine.process.status(engine.running)["pid"] == engine.running.pid


@pytest.mark.slow
def test_an_engine_starts_says_so_and_stops_by_id(environ: dict[str, str]) -> None:
    from pen_backend.service.context import Context

    said: list[str] = []
    process = Context(environ=environ).engine()
    running = process.ensure(said.append)
    try:
        assert said == ["starting engine…"]
        assert process.ensure(said.append) == running
        assert TOKEN not in Path(f"/proc/{running.pid}/cmdline").read_text()
        assert running.token.reveal() not in Path(f"/proc/{running.pid}/cmdline").read_text()
    finally:
        assert process.stop()
    assert not running.alive()
    assert not process.stop()
    assert said == ["starting engine…"]

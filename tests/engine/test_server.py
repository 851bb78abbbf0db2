"""The guard and the error bodies, on every route; the engine's own start, proof, idleness and end."""

import asyncio
import hashlib
import hmac
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pen_backend.engine.__main__ import from_environment, runtime_directory, write_runtime_file
from pen_backend.engine.server import listen
from pen_backend.errors import ConfigError
from pen_backend.files import Disk
from pen_backend.secrets import Secret
from tests.engine.contract import SCHEMA
from tests.engine.harness import SCRIPTED, SECONDS, EngineProcess, engine, processes_in
from tests.shared import shared

ROUTES = [
    ("GET", "/v1/models"), ("GET", "/v1/models/tiny"), ("DELETE", "/v1/models/tiny"), ("GET", "/v1/files"),
    ("POST", "/v1/files"), ("GET", "/v1/files/x"), ("DELETE", "/v1/files/x"), ("GET", "/v1/files/x/content"),
    ("POST", "/v1/fine_tuning/jobs"), ("GET", "/v1/fine_tuning/jobs"), ("GET", "/v1/fine_tuning/jobs/x"),
    ("POST", "/v1/fine_tuning/jobs/x/cancel"), ("GET", "/v1/fine_tuning/jobs/x/events"),
    ("GET", "/v1/fine_tuning/jobs/x/checkpoints"), ("POST", "/v1/fine_tuning/jobs/x/pause"),
    ("POST", "/v1/fine_tuning/jobs/x/resume"), ("POST", "/v1/completions"), ("POST", "/v1/chat/completions"),
    ("POST", "/v1/engines/tiny/completions"), ("GET", "/pen/status"), ("GET", "/pen/backup"), ("POST", "/pen/stop"),
    ("GET", "/pen/models/tiny/tokenizer"), ("GET", "/nowhere")]
ACTIONS = ("/cancel", "/pause", "/resume", "/stop")
BODIES = [route for route in ROUTES if route[0] == "POST" and not route[1].endswith(ACTIONS)]
KNOWN = {path: {method for method, other in ROUTES if other == path} for _, path in ROUTES if path != "/nowhere"}
METHODS = {"GET", "POST", "DELETE", "PUT", "PATCH", "QUERY", "TRACE", "OPTIONS", "PROPFIND", "M-SEARCH", "lock"}


def test_answers_are_checked_against_openais_schema() -> None:
    assert shared("reference/openai-openapi-core.json") == SCHEMA


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_guard_stands_before_every_route(served: EngineProcess, method: str, path: str) -> None:
    def status(**arguments: object) -> tuple[int, str]:
        found = served.request(method, path, **arguments)  # type: ignore[arg-type]  # one call, many forms
        return found.status, found.code

    assert status(token="wrong") == (401, "invalid_api_key")
    assert status(headers={"Authorization": "Basic eA=="}) == (401, "invalid_api_key")
    assert status(headers={"Host": "evil.example"}, token="wrong") == (421, "wrong_host")
    assert status(headers={"Origin": "http://127.0.0.1"}, token="wrong") == (403, "forbidden_origin")
    assert status(headers={"Sec-Fetch-Site": "cross-site"}) == (403, "forbidden_origin")
    assert status(headers={"Host": "evil.example", "Origin": "http://evil.example"}) == (421, "wrong_host")


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_body_is_judged_before_it_is_read(served: EngineProcess, method: str, path: str) -> None:
    found = served.request(method, path, b"x", headers={"Content-Type": "text/plain"})
    assert (found.status, found.code) == (415, "unsupported_media_type")
    kind = "multipart/form-data; boundary=x" if path == "/v1/files" else "application/json"
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as connection:
        head = (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: Bearer {served.token}\r\n"
                f"Content-Type: {kind}\r\nContent-Length: {1 << 40}\r\n\r\n")
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(4096)


@pytest.mark.slow
@pytest.mark.parametrize("path", KNOWN)
def test_an_unknown_method_is_405_with_what_is_allowed(served: EngineProcess, path: str) -> None:
    for method in METHODS - KNOWN[path]:
        found = served.request(method, path)
        assert (found.status, found.code, found.headers["allow"]) == (
            405, "method_not_allowed", ", ".join(sorted(KNOWN[path])))


@pytest.mark.slow
@pytest.mark.parametrize("sent", [
    b"nonsense\r\n\r\n", b"GET /v1/models HTTP/1.1\r\nHost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    b"GET /v1/models\x00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"])
def test_what_is_no_http_gets_the_error_body_and_ends(served: EngineProcess, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id: req_" in head
    assert json.loads(body)["error"]["code"] == "invalid_value"


@pytest.mark.slow
def test_a_head_is_405_without_a_body(served: EngineProcess) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as connection:
        connection.sendall(f"HEAD /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: Bearer "
                           f"{served.token}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/chat/completions/x", "/v1/fine_tuning/jobs/x/stop", "/",
                                  "/v1", "/v1/files/a/b", "/v1/files/../pen.db", "/v1/models/"])
def test_what_is_not_served_says_what_is(served: EngineProcess, path: str) -> None:
    found = served.request("POST" if "chat" in path or "stop" in path else "GET", path)
    assert found.status == 404
    assert found.code in ("unsupported_endpoint", "model_not_found")


@pytest.mark.slow
@pytest.mark.parametrize("identifier", ["x", "..%2f..%2fetc%2fpasswd", "file-" + "a" * 24, "%00", "a" * 3000, "%ff"])
def test_identifiers_are_looked_up_and_nothing_else(served: EngineProcess, identifier: str) -> None:
    assert served.request("GET", f"/v1/files/{identifier}").status == 404
    assert served.request("GET", f"/v1/fine_tuning/jobs/{identifier}").status == 404
    assert served.request("GET", f"/v1/models/{identifier}").status == 404


@pytest.mark.slow
def test_the_proof_is_the_nonce_under_the_token(served: EngineProcess) -> None:
    found = served.request("GET", "/pen/health?nonce=00ff", token="")
    assert found.json["proof"] == hmac.new(served.token.encode(), b"00ff", hashlib.sha256).hexdigest()
    assert served.request("GET", "/pen/health", token="").json == {"ok": True}
    assert served.request("GET", "/pen/health?nonce=text", token="").status == 400


@pytest.mark.slow
def test_unknown_query_parameters_are_refused(served: EngineProcess) -> None:
    found = served.request("GET", "/v1/fine_tuning/jobs?limits=3")
    assert found.code == "unknown_parameter"
    assert "did you mean 'limit'" in found.message


@pytest.mark.slow
@pytest.mark.parametrize("garbage", [
    b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
    b"POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"])
def test_garbage_on_the_socket_harms_nobody(served: EngineProcess, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as connection:
        try:
            connection.sendall(garbage)
            connection.recv(4096)
        except ConnectionError:
            pass
    assert served.get("/v1/models")


@pytest.mark.slow
def test_the_runtime_file_is_private_and_the_token_is_nowhere_else(served: EngineProcess) -> None:
    assert served.process is not None
    assert (served.state / "engine.json").stat().st_mode & 0o777 == 0o600
    assert served.token.encode() not in Path(f"/proc/{served.process.pid}/cmdline").read_bytes()
    assert served.token.encode() not in Path(f"/proc/{served.process.pid}/environ").read_bytes()
    assert served.token not in (served.state / "engine.log").read_text()


@pytest.mark.slow
def test_a_second_engine_in_one_directory_leaves_with_3(served: EngineProcess) -> None:
    found = subprocess.run([sys.executable, "-P", "-m", "pen_backend.engine", "--state", str(served.state)],
                           capture_output=True, text=True, timeout=SECONDS, check=False)
    assert found.returncode == 3
    assert "already uses" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.slow
def test_the_server_answers_without_torch(served: EngineProcess) -> None:
    program = "import sys, pen_backend.engine.__main__; sys.exit('torch' in sys.modules or 'openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", program], timeout=SECONDS, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", ["signal", "request"])
def test_an_orderly_stop_leaves_nothing_behind(tmp_path: Path, bases: Path, how: str) -> None:
    with engine(tmp_path / "state", bases, **SCRIPTED) as running:
        assert running.process is not None
        if how == "signal":
            running.process.send_signal(signal.SIGTERM)
        else:
            assert running.request("POST", "/pen/stop").status == 200
        assert running.process.wait(SECONDS) == 0
        assert not (running.state / "engine.json").exists()


@pytest.mark.slow
def test_an_engine_that_is_stopping_proves_nothing(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, **SCRIPTED) as running:
        job = running.create_job({"steps": 5000, "delay": 0.05, "deaf": True})
        running.wait(job["id"], "running")
        deadline = time.monotonic() + SECONDS
        while not running.events(job["id"])[-1]["message"].startswith("Step"):  # it has begun to ignore signals
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert running.request("POST", "/pen/stop").status == 200
        while not running.request("GET", "/pen/status").json["stopping"]:
            assert time.monotonic() < deadline
        found = running.request("GET", "/pen/health?nonce=00ff", token="")
        assert (found.status, found.code) == (503, "unavailable")
        assert "proof" not in found.json
        assert running.request("GET", "/pen/health", token="").json == {"ok": True}
        for pid in processes_in(running.state):  # it would wait for long
            os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_an_idle_engine_ends_by_itself_but_not_while_a_job_runs(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, **SCRIPTED) as patient:
        patient.create_job({"steps": 12, "delay": 0.1})
    with engine(tmp_path / "state", bases, idle_minutes=0.01, **SCRIPTED) as running:  # it finds the job at its start
        assert running.process is not None
        assert running.process.wait(SECONDS) == 0
    with sqlite3.connect(running.state / "pen.db") as connection:
        assert connection.execute("SELECT state FROM jobs").fetchall() == [("succeeded",)]


@pytest.mark.slow
def test_a_stop_lets_the_trainer_checkpoint_and_the_next_engine_goes_on(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, **SCRIPTED) as running:
        job = running.create_job({"steps": 30, "delay": 0.05})
        running.wait(job["id"], "running")
        deadline = time.monotonic() + SECONDS
        while not running.get(f"/v1/fine_tuning/jobs/{job['id']}")["pen"].get("steps_done"):
            assert time.monotonic() < deadline
        assert running.stop() == 0
        assert processes_in(running.state) == []
        running.start()
        done = running.wait(job["id"])
        assert (done["status"], done["pen"]["attempt"]) == ("succeeded", 1)
        steps = [each["data"]["step"] for each in running.events(job["id"]) if each["type"] == "metrics"]
        assert steps == list(range(1, 31))


@pytest.mark.slow
def test_jobs_acknowledged_before_a_kill_all_end_once(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, **SCRIPTED) as running:
        made = [running.create_job({"steps": 3, "delay": 0.01})["id"] for _ in range(4)]
        running.kill()
        running.start()
        made += [running.create_job({"steps": 3, "delay": 0.01})["id"] for _ in range(2)]
        running.wait(made[1])
        running.kill()
        running.start()
        assert [running.wait(job_id)["status"] for job_id in made] == ["succeeded"] * 6
        listed = [each["id"] for each in running.get("/v1/fine_tuning/jobs?limit=100")["data"]]
        assert listed == made[::-1]
        for job_id in made:
            ids = [each["id"] for each in running.events(job_id)]
            assert len(set(ids)) == len(ids)


@pytest.mark.slow
def test_long_logs_are_cut_to_their_tail(tmp_path: Path, bases: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    for name in ("engine.log", "worker.log"):
        (state / name).write_bytes(b"a line\n" * 5000)
    with engine(state, bases, log=str(state / "engine.log"), log_bytes=10_000, log_seconds=0.05, **SCRIPTED) as running:
        deadline = time.monotonic() + SECONDS
        while any((state / name).stat().st_size > 10_000 for name in ("engine.log", "worker.log")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running.request("POST", "/pen/stop")
        assert running.process is not None
        assert running.process.wait(SECONDS) == 0
        assert (state / "engine.log").read_text().endswith("stopped\n")


@pytest.mark.slow
def test_the_running_server_has_not_loaded_torch(served: EngineProcess) -> None:
    assert served.process is not None
    assert served.request("POST", "/v1/completions", {"model": "tiny", "prompt": "a"}).status == 200
    maps = Path(f"/proc/{served.process.pid}/maps").read_text()
    assert "pydantic_core" in maps
    assert "torch" not in maps


def test_the_socket_listens_on_this_machine_only() -> None:
    with listen(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_only_when_asked_the_socket_listens_to_other_machines() -> None:
    with listen(0, remote=True) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


@pytest.mark.slow
def test_other_machines_need_the_token_and_an_address_or_the_machines_own_name(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "state", bases, remote=True, **SCRIPTED) as running:
        for host in ("10.1.2.3:8080", "[::1]:1", f"{socket.gethostname()}:{running.port}", "192.168.0.7"):
            assert running.request("GET", "/v1/models", headers={"Host": host}).status == 200
            assert running.request("GET", "/v1/models", headers={"Host": host}, token="wrong").status == 401
        for host in ("evil.example", f"10.1.2.3.evil.example:{running.port}", "x:y", ""):
            assert running.request("GET", "/v1/models", headers={"Host": host}).status == 421
        assert "other machines may use this engine" in (running.state / "engine.log").read_text()


@pytest.mark.slow
def test_an_address_of_another_machine_is_none_of_ours_unless_asked(served: EngineProcess) -> None:
    assert served.request("GET", "/v1/models", headers={"Host": f"10.1.2.3:{served.port}"}).status == 421


def test_a_directory_others_can_write_gets_no_token(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir()
    directory.chmod(0o777)
    with pytest.raises(ConfigError, match="others"):
        write_runtime_file(directory / "engine.json", "http://127.0.0.1:1/v1", Secret("s" * 32), Disk())


def test_a_planted_symlink_is_replaced_and_not_followed(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    (directory / "engine.json").symlink_to(tmp_path / "elsewhere")
    write_runtime_file(directory / "engine.json", "http://127.0.0.1:1/v1", Secret("s" * 32), Disk())
    assert not (tmp_path / "elsewhere").exists()
    assert json.loads((directory / "engine.json").read_text())["pid"] == os.getpid()


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    found = from_environment({"PEN_ENGINE_IDLE_MINUTES": "0.5", "PEN_ENGINE_PARALLEL_JOBS": "2"}, tmp_path)
    assert (found.idle_minutes, found.parallel_jobs) == (0.5, 2)
    with pytest.raises(ConfigError, match="PEN_ENGINE_THREADS"):
        from_environment({"PEN_ENGINE_THREADS": "many"}, tmp_path)


def test_the_runtime_directory_follows_xdg() -> None:
    assert runtime_directory({"XDG_RUNTIME_DIR": "/run/user/1"}) == Path("/run/user/1/pen")
    assert runtime_directory({"XDG_STATE_HOME": "/s"}) == Path("/s/pen/run")
    assert runtime_directory({"HOME": "/h"}) == Path("/h/.local/state/pen/run")


def test_a_connection_sends_small_pieces_at_once() -> None:
    """A token that waited for the receipt of the last one came 40 ms late."""
    async def run() -> int:
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = listen(0)
        async with await asyncio.start_server(connected, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return await asyncio.wait_for(asked, SECONDS)

    assert asyncio.run(run()) == 1


@pytest.mark.slow
def test_an_engine_whose_disk_is_full_at_its_start_says_so_in_a_sentence(tmp_path: Path) -> None:
    program = ("import errno, os, sys\nfrom pen_backend.engine.__main__ import main\ndef full(app):\n"
               "    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
               "sys.exit(main(['--state', sys.argv[1]], observe=full))")
    found = subprocess.run([sys.executable, "-P", "-c", program, str(tmp_path / "state")], capture_output=True,
                           text=True, timeout=SECONDS, check=False)

    assert found.returncode == 1
    assert found.stderr.splitlines()[-1] == (f"pen engine: {tmp_path / 'state'} cannot be written: No space left on "
                                             "device. Make room there, or name another --state.")
    assert "Traceback" not in found.stderr

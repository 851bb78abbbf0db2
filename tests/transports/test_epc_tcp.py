"""`serve --tcp`: the token first, nobody blocks anybody; and stock epc.el as a client."""

import inspect
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pen_backend.transports.epc_codec import Symbol, decode, dumps, frame
from pen_backend.transports.epc_tcp import HALF_SECONDS, HELLO_SECONDS
from pen_backend.transports.serve import run_tcp
from tests.processes import LEAVING, wait_until_gone
from tests.transports.pipes import PEER, SECONDS, fields

pytestmark = pytest.mark.slow

TOKEN = "7f" * 32
HERE = Path(__file__).parent
SITE_LISP = Path("/usr/share/emacs/site-lisp/elpa")


class Service:
    """A peer that serves on a port, as a process."""

    def __init__(self, state: Path, *arguments: str, token: str | None = TOKEN) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(state), **({"PEN_EPC_TOKEN": token} if token else {})}
        self.state = state
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(PEER), "--tcp", "--state", str(state), *arguments], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline()
        self.port = int(self.first)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def client(self) -> "Client":
        return Client(self.port)

    def friend(self) -> "Client":
        """Connect and greet."""
        client = self.client()
        assert client.call("pen-hello", protocol=1, token=TOKEN)[0] == "return"
        return client


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._uid = 0

    def call(self, name: str, **arguments: object) -> Any:
        """Call and return the whole answer."""
        plist: list[object] = []
        for key, value in arguments.items():
            plist += [Symbol(f":{key}"), value]
        self._uid += 1
        self.socket.sendall(frame(dumps([Symbol("call"), self._uid, Symbol(name), [plist]])))
        return self.frame()

    def frame(self) -> Any:
        """Read the next message; EOFError if the service has closed the connection."""
        return decode(self._read(int(self._read(6), 16)))

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def closed(self) -> bool:
        """Say whether the service has closed it, with nothing more to read; waits for it."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that has a second's patience with strangers, and with half a message."""
    one = Service(tmp_path, "--keep", "--hasty")
    yield one
    one.end()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Service]:
    """A service that has its usual patience: longer than anybody here is made to wait."""
    one = Service(tmp_path, "--keep")
    yield one
    one.end()


def test_the_port_is_the_first_line_and_all_there_is(tmp_path: Path) -> None:
    service = Service(tmp_path, "--noise")
    try:
        friend = service.friend()
        assert friend.call("test-noise")[2] == "printed"
        assert friend.call("test-ping")[2] == "pong"
    finally:
        service.process.kill()
        assert service.process.stdout is not None
        assert service.process.stderr is not None
        said = service.process.stdout.read() + service.process.stderr.read()
        service.end()
    assert re.fullmatch(rb"\d+\n", service.first)
    assert said == b""


def test_a_wrong_token_is_refused_once_and_nothing_runs(service: Service) -> None:
    for arguments in ({"token": "0" * 64}, {}, {"token": None}, {"token": 7}):
        stranger = service.client()
        kind, uid, error = stranger.call("pen-hello", protocol=1, **arguments)
        assert (kind, uid, fields(error[1])["kind"]) == ("return-error", 1, "auth")
        assert stranger.closed()


def test_any_other_first_call_is_refused_and_nothing_runs(service: Service, tmp_path: Path) -> None:
    stranger = service.client()
    greeting = f'(call 2 pen-hello ((:protocol 1 :token "{TOKEN}")))'
    stranger.socket.sendall(frame("(call 1 test-die nil)") + frame(greeting))
    assert stranger.frame()[0] == "return-error"
    assert stranger.closed()
    assert service.friend().call("test-ping")[2] == "pong"


@pytest.mark.parametrize("data", [b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"ffffff(call", b"zzzzzz", b"000000"])
def test_what_is_no_frame_closes_the_connection(patient: Service, data: bytes) -> None:
    stranger = patient.client()
    before = time.monotonic()
    stranger.socket.sendall(data)
    assert stranger.closed()
    assert time.monotonic() - before < HELLO_SECONDS
    assert patient.friend().call("test-ping")[2] == "pong"


def test_others_are_served_while_somebody_says_nothing(patient: Service) -> None:
    before = time.monotonic()
    idle, half = patient.client(), patient.client()
    half.socket.sendall(b"0000")
    assert patient.friend().call("test-ping")[2] == "pong"
    assert time.monotonic() - before < HELLO_SECONDS
    idle.socket.close()
    half.socket.close()


def test_one_that_says_nothing_is_told_so_and_closed(service: Service) -> None:
    before = time.monotonic()
    idle, half = service.client(), service.client()
    half.socket.sendall(b"0000")
    friend = service.friend()
    for stranger in (idle, half):
        kind, uid, error = stranger.frame()
        assert (kind, uid, fields(error[1])["kind"]) == ("epc-error", None, "auth")
        assert stranger.closed()
    assert time.monotonic() - before > 0.9
    assert friend.call("test-ping")[2] == "pong"


def test_patience_is_five_seconds_with_strangers_and_thirty_with_friends() -> None:
    assert inspect.signature(run_tcp).parameters["patience"].default == (HELLO_SECONDS, HALF_SECONDS) == (5.0, 30.0)


def test_a_friend_may_be_silent_but_not_in_the_middle_of_a_message(service: Service) -> None:
    friend, other = service.friend(), service.friend()
    friend.socket.sendall(b"000100(call 9")
    assert friend.closed()
    time.sleep(0.3)  # longer than a second since the greeting: silence is no fault
    assert other.call("test-ping")[2] == "pong"


def test_the_ninth_is_turned_away_and_a_place_is_free_again(service: Service) -> None:
    friends = [service.friend() for _ in range(8)]
    assert service.client().closed()
    assert all(one.call("test-ping")[2] == "pong" for one in friends)
    friends[0].socket.close()
    until = time.monotonic() + SECONDS
    while True:
        try:
            assert service.friend().call("test-ping")[2] == "pong"
            break
        except (EOFError, OSError):
            assert time.monotonic() < until
            time.sleep(0.02)


def test_threads_end_with_their_connection(service: Service) -> None:
    friend = service.friend()
    before = friend.call("test-threads")[2]
    for _ in range(5):
        one = service.friend()
        one.call("test-echo-pool", text="x")
        one.call("test-story")
        one.socket.close()
    until = time.monotonic() + SECONDS
    while friend.call("test-threads")[2] > before:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_it_ends_with_its_last_client(tmp_path: Path) -> None:
    service = Service(tmp_path)
    first, second = service.friend(), service.friend()
    service.client().socket.close()
    first.socket.close()
    assert second.call("test-ping")[2] == "pong"
    second.socket.sendall(frame("(call 2 test-sleep ((:seconds 600)))"))
    second.socket.close()
    assert service.process.wait(LEAVING) == 0
    service.end()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    script = ("import subprocess, sys, time; p = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL); "
              "print('child', p.pid, flush=True); time.sleep(60)")
    parent = subprocess.Popen(
        [sys.executable, "-c", script, sys.executable, "-P", str(PEER), "--tcp", "--state", str(tmp_path)],
        stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"], "PEN_EPC_TOKEN": TOKEN, "HOME": str(tmp_path)})
    assert parent.stdout is not None
    with parent.stdout:
        told = [parent.stdout.readline() for _ in range(2)]  # its port, too
    (child,) = (int(line.split()[1]) for line in told if line.startswith(b"child "))
    parent.kill()
    parent.wait(SECONDS)
    wait_until_gone(child)


def test_without_a_token_one_is_made_and_written_for_the_user_alone(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("an old one")
    service = Service(tmp_path, "--token-file", str(file), token=None)
    try:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        token = file.read_text().strip()
        assert re.fullmatch("[0-9a-f]{64}", token)
        assert service.client().call("pen-hello", protocol=1, token=token)[0] == "return"
    finally:
        service.end()


@pytest.mark.parametrize(("arguments", "token", "words"), [
    (["--tcp"], None, "--token-file"), (["--tcp"], "short", "too short"), (["--keep"], None, "--tcp"),
    (["--tcp", "--port", "99999"], TOKEN, "65535"), (["--tcp", "--token-file", "/dev/null/x"], None, "/dev/null"),
    (["--frobnicate"], None, "--frobnicate")])
def test_what_cannot_be_is_said_and_nothing_is_printed(arguments: list[str], token: str | None, words: str,
                                                       tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), **({"PEN_EPC_TOKEN": token} if token else {})}
    done = subprocess.run([sys.executable, "-P", "-m", "pen_backend", "serve", *arguments], check=False, timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([sys.executable, "-P", "-m", "pen_backend", "serve", "--tcp", "--port", port],
                              check=False, timeout=SECONDS, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={"HOME": str(tmp_path), "PEN_EPC_TOKEN": TOKEN})
    assert (done.returncode, done.stdout) == (1, "")
    assert port in done.stderr


def test_children_do_not_inherit_the_token(service: Service) -> None:
    assert service.friend().call("test-variable", variable="PEN_EPC_TOKEN")[2] is None


@pytest.mark.skipif(not list(SITE_LISP.glob("epc-*")), reason="stock epc.el is not installed: apt-get install elpa-epc")
def test_stock_epc_is_a_client(tmp_path: Path) -> None:
    load = [each for path in sorted(SITE_LISP.iterdir()) for each in ("-L", str(path))]
    done = subprocess.run(
        [os.environ.get("EMACS", "emacs"), "-Q", "--batch", *load, "-l", str(HERE / "stock_epc.el"),
         "-f", "ert-run-tests-batch-and-exit"], check=False, timeout=110, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(tmp_path), "PEN_PYTHON": sys.executable,
             "PEN_PEER": str(PEER), "PEN_STATE": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "Ran 6 tests, 6 results as expected" in done.stderr

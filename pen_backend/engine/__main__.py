"""Run the local engine: python -P -m pen_backend.engine [--state DIR] [--port N]."""

import argparse
import asyncio
import contextlib
import errno
import json
import logging
import os
import resource
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pen_backend
from pen_backend.engine.routes.application import FULL
from pen_backend.engine.server import Observe, Settings, listen, new_token, serve, unobserved
from pen_backend.engine.store import Store
from pen_backend.engine.store.lock import held
from pen_backend.errors import ConfigError, PenError, StartError
from pen_backend.files import Disk, process_start_time, write_atomic
from pen_backend.secrets import Redaction, Secret

ALREADY = 3
UNUSABLE = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM)

_log = logging.getLogger("pen.engine")


def main(arguments: Sequence[str] | None = None, *, observe: Observe = unobserved) -> int:
    """Read the arguments and the environment, and serve."""
    parser = argparse.ArgumentParser(prog="python -m pen_backend.engine", description="Run pen's local engine.")
    parser.add_argument("--state", type=Path, help="directory of jobs, models and files (default: pen's)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: one the system chooses)")
    parser.add_argument("--allow-remote", action="store_true", help="listen to other machines, which need the token")
    options = parser.parse_args(arguments)
    environ = os.environ
    directory = (options.state or data_directory(environ)).absolute()
    runtime = directory / "engine.json" if options.state else runtime_directory(environ) / "engine.json"
    try:
        return run(replace(from_environment(environ, directory), port=options.port, remote=options.allow_remote,
                           observe=observe), runtime)
    except PenError as error:
        print(f"pen engine: {error}", file=sys.stderr)
        return ALREADY if isinstance(error, StartError) else error.exit_code
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        print(f"pen engine: {directory} cannot be written: {error.strerror}. Make room there, or name another --state.",
              file=sys.stderr)
        return ConfigError.exit_code


def run(settings: Settings, runtime: Path) -> int:
    """Hold the directory's lock, write the runtime file, serve, and take the file away again."""
    os.umask(0o077)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the token and people's texts
    _log_to_standard_error()
    settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with held(settings.directory):
        store = Store(settings.directory, disk=settings.disk, ballast=settings.ballast_bytes)
        store.collect_garbage()
        store.ballast.fill()
        token = new_token()
        listener = listen(settings.port, remote=settings.remote)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

        def ready() -> None:
            write_runtime_file(runtime, address, token, settings.disk)
            _log.info("serving at %s, process %d", address, os.getpid())
            if settings.remote:
                _log.warning("other machines may use this engine, too: whoever has its token can, and what they send "
                             "is not encrypted; put a TLS proxy before it")

        try:
            asyncio.run(serve(settings, store, listener, token, ready=ready))
        finally:
            remove_runtime_file(runtime)
            store.close()
    _log.info("stopped")
    return 0


def write_runtime_file(path: Path, address: str, token: Secret, disk: Disk) -> None:
    """Tell clients of this user where the engine is; nobody else can read it or could have planted its directory."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory = path.parent.stat()
    if directory.st_uid != os.getuid() or directory.st_mode & 0o022:
        raise ConfigError("The directory of the runtime file can be written by others.", where=str(path.parent),
                          hint="Run: chmod 700 on it.")
    content = {"base_url": address, "token": token.reveal(), "pid": os.getpid(),
               "pid_start_time": process_start_time(os.getpid()), "version": pen_backend.__version__}
    write_atomic(path, json.dumps(content).encode() + b"\n", disk)


def remove_runtime_file(path: Path) -> None:
    """Remove the runtime file if it still names this process."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        if json.loads(path.read_bytes())["pid"] == os.getpid():
            path.unlink()


def from_environment(environ: Mapping[str, str], directory: Path) -> Settings:
    """Read the settings that reach the engine as PEN_ENGINE_*."""
    def number(name: str, default: float) -> float:
        text = environ.get(name) or str(default)
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < 1e6:
            raise ConfigError(f"{name} must be a number above 0, got '{text}'.")
        return value

    cores = len(os.sched_getaffinity(0))
    return Settings(directory, log=_own_log(), idle_minutes=number("PEN_ENGINE_IDLE_MINUTES", 10),
                    parallel_jobs=max(1, int(number("PEN_ENGINE_PARALLEL_JOBS", 1))),
                    threads=max(1, int(number("PEN_ENGINE_THREADS", cores))), environ=environ)


def _own_log() -> Path | None:
    """Find the file that standard error goes to; None if it is no file."""
    try:
        if stat.S_ISREG(os.fstat(sys.stderr.fileno()).st_mode):
            return Path(os.readlink(f"/proc/self/fd/{sys.stderr.fileno()}"))  # noqa: PTH115 - the name as it is
    except (OSError, ValueError):
        pass
    return None


def data_directory(environ: Mapping[str, str]) -> Path:
    """Find the usual state directory."""
    return _base(environ, "XDG_DATA_HOME", ".local/share") / "pen"


def runtime_directory(environ: Mapping[str, str]) -> Path:
    """Find the usual place of the runtime file; without a runtime directory, one below the state home."""
    given = environ.get("XDG_RUNTIME_DIR", "")
    if given.startswith("/"):
        return Path(given) / "pen"
    return _base(environ, "XDG_STATE_HOME", ".local/state") / "pen" / "run"


def _base(environ: Mapping[str, str], variable: str, usual: str) -> Path:
    value = environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path(environ.get("HOME") or Path.home()) / usual


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Redaction())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "python_multipart"):  # they tell of each malformed request
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())

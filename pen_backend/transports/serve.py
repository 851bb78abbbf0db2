"""`pen serve`: all services over EPC on this process's own stdin and stdout, until Emacs is gone.

Light until it answers: nothing here imports openai, torch, tiktoken, yaml or pydantic.
"""

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pen_backend.service.context import Context
    from pen_backend.service.registry import Registry

NOUNS = ("prompts", "datasets", "jobs", "completions", "models", "engine", "evaluations")


def main(arguments: Sequence[str] = ()) -> int:
    """Serve until stdin ends; returns only if it could not begin."""
    reader, writer = take_wire()
    parent = os.getppid()
    if arguments:
        print(f"pen serve takes no arguments yet, got {arguments[0]!r}", file=sys.stderr)
        return 1
    from pen_backend.config import directories

    return run(build(), reader, writer, directories(os.environ).state, parent)


def take_wire() -> tuple[int, int]:
    """Keep stdin and stdout for the wire and give the process others, so that no print() can touch it.

    The first thing that happens: SIGINT belongs to Emacs, and files are the user's own.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    reader, writer = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return reader, writer


def build() -> "Registry":
    """Compose all services into the table of methods."""
    from pen_backend.service.context import Context
    from pen_backend.service.registry import build_registry

    return build_registry(services(Context()))


def services(context: "Context") -> Mapping[str, object]:
    """Make every service once, by the noun that begins its methods' names."""
    return {noun: getattr(importlib.import_module(f"pen_backend.service.{noun}"), noun.capitalize())(context)
            for noun in NOUNS}


def run(registry: "Registry", reader: int, writer: int, state: Path, parent: int) -> int:
    """Serve REGISTRY on two descriptors; logs go to STATE."""
    with python2_names():
        from pen_backend.transports.epc_server import PipeServer
    from pen_backend.transports.service_log import install

    log = install(state / "service.log")
    server = PipeServer(registry, note=log.note)
    leave_stderr(state / "service-output.log")
    server.watch_parent(parent)
    server.serve(reader, writer)
    return 0


@contextlib.contextmanager
def python2_names() -> Iterator[None]:
    """Answer when the `epc` package asks for modules by the names they had in Python 2, which it tries first.

    A user's own Queue.py is then not imported in their place. And xmlrpc.server, a third of the whole start, is not
    imported at all: `epc` uses one function of it, for dotted names, which are never callable here.
    """
    import queue
    import socketserver
    from types import ModuleType

    names = {"SocketServer": socketserver, "Queue": queue, "SimpleXMLRPCServer": ModuleType("not needed")}
    sys.modules.update(names)
    yield
    for name in names:
        del sys.modules[name]


def leave_stderr(path: Path) -> None:
    """Send what libraries print to a file: Emacs need not read a pipe, and a full one would block the service."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = os.O_APPEND if path.exists() and path.stat().st_size < 1024 * 1024 else os.O_TRUNC
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_APPEND | kept, 0o600)
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)

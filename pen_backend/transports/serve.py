"""`pen serve`: all services over EPC, on this process's own stdin and stdout until Emacs is gone, or on a port.

Light until it answers: nothing here imports openai, torch, tiktoken, yaml or pydantic.
"""

import contextlib
import fcntl
import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pen_backend.secrets import Secret
    from pen_backend.service.context import Context
    from pen_backend.service.keys import Keys
    from pen_backend.service.registry import Registry
    from pen_backend.transports.arguments import Parser

    Composed = tuple[Context | None, Registry]

PIPE = 1 << 20  # bytes; what Linux lets anybody have
VARIABLE = "PEN_EPC_TOKEN"  # what clients on a port must know

NOUNS = ("prompts", "datasets", "jobs", "completions", "models", "engine", "evaluations", "providers",
         "doctor")


def main(arguments: Sequence[str] = ()) -> int:
    """Serve until Emacs is gone; returns only if it could not begin."""
    parent = os.getppid()
    if arguments:
        return _serve_port(arguments, parent)
    reader, writer = take_wire()
    context, registry = compose()
    return run(registry, reader, writer, context.directories.state, parent, keys=context.keys)


def add_options(parser: "Parser") -> None:
    """Declare what `pen serve` can be told."""
    parser.add_argument("--tcp", action="store_true", help="on a port of 127.0.0.1, for stock epc.el; printed first")
    parser.add_argument("--port", type=int, metavar="N", help="that port; one that is free if not given")
    parser.add_argument("--keep", action="store_true", help="stay when the last client has left")
    parser.add_argument("--token-file", type=Path, metavar="FILE",
                        help=f"where to write the token that clients must know, if {VARIABLE} is not set")


def _serve_port(arguments: Sequence[str], parent: int) -> int:
    from pen_backend.errors import PenError
    from pen_backend.transports.arguments import Parser

    parser = Parser(prog="pen serve")
    add_options(parser)
    options = parser.parse_args(arguments)
    if not options.tcp:
        parser.error("--port, --keep and --token-file need --tcp")
    if options.port is not None and not 0 < options.port < 65_536:
        parser.error(f"--port must be from 1 to 65535, got {options.port}")
    os.umask(0o077)
    from pen_backend.config import directories

    try:
        return run_tcp(compose, directories(os.environ).state, port=options.port or 0, keep=options.keep,
                       token_file=options.token_file, parent=parent)
    except PenError as error:
        print(f"pen serve: {error}", file=sys.stderr)
        return error.exit_code


def take_wire() -> tuple[int, int]:
    """Keep stdin and stdout for the wire and give the process others, so that no print() can touch it.

    The first thing that happens: SIGINT belongs to Emacs, and files are the user's own.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    reader, writer = os.dup(0), os.dup(1)
    widen(reader)  # not the other: what waits there delays every answer
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return reader, writer


def widen(end: int) -> None:
    """Let the pipe of END hold a megabyte, where the system allows it.

    Emacs sleeps for 20 ms each time that a pipe is full, so that a megabyte through the usual 64 KB took 0.3 s.
    """
    with contextlib.suppress(OSError):  # END is no pipe, or the user's pipes hold as much as they may already
        fcntl.fcntl(end, getattr(fcntl, "F_SETPIPE_SZ", -1), PIPE)


def build() -> "Registry":
    """Compose all services into the table of methods."""
    return compose()[1]


def compose() -> "tuple[Context, Registry]":
    """Compose all services: what they share, and the table of methods."""
    from pen_backend.service.context import Context
    from pen_backend.service.registry import build_registry

    context = Context()
    return context, build_registry(services(context))


def services(context: "Context") -> Mapping[str, object]:
    """Make every service once, by the noun that begins its methods' names."""
    return {noun: getattr(importlib.import_module(f"pen_backend.service.{noun}"), noun.capitalize())(context)
            for noun in NOUNS}


def run(registry: "Registry", reader: int, writer: int, state: Path, parent: int, *, keys: "Keys | None" = None) -> int:
    """Serve REGISTRY on two descriptors; logs go to STATE. KEYS that are missing are asked for at the other end."""
    with python2_names():
        from pen_backend.transports.epc_server import PipeServer
    from pen_backend.transports.service_log import install

    log = install(state / "service.log")
    server = PipeServer(registry, note=log.note)
    if keys is not None:
        keys.ask = server.ask_key
    leave_stderr(state / "service-output.log")
    server.watch_parent(parent)
    server.serve(reader, writer)
    return 0


def run_tcp(make: "Callable[[], Composed]", state: Path, *, port: int = 0, keep: bool = False,
            token_file: Path | None = None, parent: int | None = None,
            patience: tuple[float, float] = (5.0, 30.0)) -> int:
    """Serve what MAKE composes on a port, which is the first line on stdout, alone; PARENT's end is this one's.

    epc.el runs its server in a terminal and takes any other first line for an error, so nothing may be printed before.
    PATIENCE is for a greeting and for the rest of a message, in seconds.
    """
    from pen_backend.errors import ConfigError

    token = _token(token_file)
    out, err = os.dup(1), os.dup(2)
    leave_stderr(state / "service-output.log")
    sys.stdout = sys.stderr
    try:
        with python2_names():
            from pen_backend.transports.epc_tcp import TcpServer
        from pen_backend.transports.service_log import install

        log = install(state / "service.log")
        context, registry = make()
        server = TcpServer(registry, token, port=port, keep=keep, note=log.note, patience=patience)
        if context is not None:
            context.keys.ask = server.ask_key
    except BaseException as error:
        os.dup2(err, 2)  # whoever started it reads why
        if isinstance(error, OSError):
            raise ConfigError(f"The port {port} cannot be had: {error.strerror}.",
                              hint="Name another one, or none.") from error
        raise
    os.close(err)
    os.write(out, b"%d\n" % server.port)
    os.close(out)
    if not keep and parent is not None:
        server.watch_parent(parent)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


def _token(path: Path | None) -> "Secret":
    """Take the token out of the environment, or make one and write it to PATH."""
    import secrets as randomness

    from pen_backend.errors import BadParamsError, ConfigError
    from pen_backend.secrets import Secret, take

    given = take(os.environ, VARIABLE)
    if given is not None and len(given.reveal()) < 32:
        raise ConfigError(f"{VARIABLE} is too short to be a secret.", hint="Give 64 hexadecimal digits.")
    token = given or Secret(randomness.token_hex(32))
    if path is not None:
        try:
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"The token cannot be written to {path}: {error.strerror}.",
                              hint="Name another file.") from error
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(token.reveal() + "\n")
    elif given is None:
        raise BadParamsError("Nobody could know the token of this service.",
                             hint=f"Set {VARIABLE} to 64 hexadecimal digits, or name a file with --token-file.")
    return token


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

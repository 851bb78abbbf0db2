"""Engines: the local one as a daemon, with its store as a file; any other by what it says that it can do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.errors import ConfigError, ConnectionLostError, NotFoundError, RefusedError
from pen_backend.secrets import Secret, redact
from pen_backend.service.context import Context
from pen_backend.service.endpoint import Ability
from pen_backend.service.registry import Text, rpc

LOG_BYTES = 1 << 20

Abilities = list[Ability]

if TYPE_CHECKING:
    from pen_backend.engine_process import Running


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Whether the local engine runs, where it answers, where it keeps its files, and its processes' ids."""

    running: bool
    state: Path
    base_url: str | None = None
    pid: int | None = None
    worker_pid: int | None = None
    trainer_pids: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was written."""

    file: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A store that was put back: what it holds, what it names and does not hold, and where the one before is kept."""

    state: Path
    jobs: int
    models: int
    files: int
    missing: list[str]
    kept: Path | None = None


class Engine:
    """The local engine's process."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc()
    def start(self) -> EngineStatus:
        """Start the local engine unless it runs, and return when it answers."""
        return self._describe(self._context.engine().ensure())

    @rpc()
    def status(self) -> EngineStatus:
        """Say whether the local engine runs, where, and what its processes are."""
        return self._describe(self._context.engine().find())

    @rpc()
    def stop(self) -> EngineStatus:
        """Stop the local engine; training jobs continue from their checkpoints at its next start."""
        self._context.engine().stop()
        return self._describe(None)

    @rpc()
    def logs(self, lines: int = 100) -> Text:
        """Return the last lines of the local engine's log, without secrets."""
        path = self._context.engine().log
        try:
            with path.open("rb") as stream:
                stream.seek(max(0, path.stat().st_size - LOG_BYTES))
                found = stream.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            raise NotFoundError(f"There is no log {path}; the engine has not run yet.") from None
        return redact("".join(f"{line}\n" for line in found[-max(1, lines):]))

    @rpc()
    def backup(self, out: Path, replace: bool = False) -> BackedUp:
        """Write the local engine's store into the file OUT while it runs.

        That is its jobs, models and files, and no key, token or log. A file that is there is kept, unless REPLACE.
        """
        from pen_backend.client import Client
        from pen_backend.service import backups

        file = (self._context.project or Path.cwd()) / out
        if file.exists() and not (replace and file.is_file()):
            raise ConfigError(f"{file} is there already.", hint="Name another file, or replace it with --replace.")
        running = self._context.engine().ensure()
        client = Client(running.base_url, running.token, local=True)
        return BackedUp(file, backups.write(client.backup(), file, self._context.disk))

    @rpc()
    def restore(self, archive: Path, replace: bool = False) -> Restored:
        """Put a file that `backup` has written back as the local engine's store; the engine must not run.

        ARCHIVE is checked whole before anything changes. A store that is not empty is refused; with REPLACE it is kept
        aside.
        """
        from pen_backend.secrets import child_environment
        from pen_backend.service import backups

        state = self._context.engine_state
        if self._context.engine().find() is not None:
            raise RefusedError(f"The engine uses {state}.", hint="Stop it first: `pen engine stop`.")
        file = (self._context.project or Path.cwd()) / archive
        if not file.is_file():
            raise NotFoundError(f"There is no file {file}.", hint="Name a file that `pen backup` has written.")
        told = backups.restore(file, state, child_environment(self._context.environ), replace=replace)
        kept = told["kept"]
        return Restored(state, told["jobs"], told["models"], told["files"], told["missing"],
                        None if kept is None else Path(kept))

    @rpc()
    def check(self, url: str, model: str | None = None) -> Abilities:
        """Ask the endpoint at URL what it can do, by short requests to MODEL or to the first model it lists.

        The key is PEN_API_KEY, for OpenAI's own address also OPENAI_API_KEY, for the local engine its token.
        """
        from pen_backend.client import Client
        from pen_backend.service.endpoint import abilities

        running = self._context.engine().find()
        own = running is not None and url.rstrip("/") in (running.base_url, running.root)
        if own and running is not None:
            return abilities(Client(running.base_url, running.token, local=True), model)
        return abilities(Client(url, self._context.key(url), local=False), model)

    def token(self) -> Secret:
        """Return the running engine's token, for a client that is not pen; ConnectionLostError if none runs."""
        running = self._context.engine().find()
        if running is None:
            raise ConnectionLostError("The local engine does not run.", hint="Start it: `pen engine start`.")
        return running.token

    def _describe(self, running: "Running | None") -> EngineStatus:
        state = self._context.engine_state
        if running is None:
            return EngineStatus(running=False, state=state)
        told = self._context.engine().status(running)
        trainers = [pid for pid in told.get("trainers") or () if isinstance(pid, int)]
        worker = told.get("worker")
        return EngineStatus(running=True, state=state, base_url=running.base_url, pid=running.pid,
                            worker_pid=worker if isinstance(worker, int) else None, trainer_pids=trainers)

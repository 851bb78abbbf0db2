"""The local engine as a daemon: start, stop, look; and other endpoints, asked what they can do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.errors import ConnectionLostError, NotFoundError
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

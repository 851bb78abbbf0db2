"""The local engine as a daemon: start, stop, look."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.service.context import Context
from pen_backend.service.registry import rpc

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

    def _describe(self, running: "Running | None") -> EngineStatus:
        state = self._context.engine_state
        if running is None:
            return EngineStatus(running=False, state=state)
        told = self._context.engine().status(running)
        trainers = [pid for pid in told.get("trainers") or () if isinstance(pid, int)]
        worker = told.get("worker")
        return EngineStatus(running=True, state=state, base_url=running.base_url, pid=running.pid,
                            worker_pid=worker if isinstance(worker, int) else None, trainer_pids=trainers)

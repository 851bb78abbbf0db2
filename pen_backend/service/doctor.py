"""What could be wrong with this installation, for people who wonder why it does not work."""

from dataclasses import dataclass
from typing import Literal

from pen_backend.service.context import Context
from pen_backend.service.registry import rpc

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing: how it is, what was seen, and what to do unless it is ok: a command, or a sentence."""

    name: str
    status: Status
    said: str
    fix: str | None = None


Rows = list[Row]


class Doctor:
    """Looks at everything pen needs."""

    def __init__(self, context: Context) -> None:
        """CONTEXT is shared by all services."""
        self._context = context

    @rpc()
    def check(self) -> Rows:
        """Look at everything pen needs; a fault of one thing is a row and never an error."""
        from pen_backend.service.checkup import Checkup

        return Checkup(self._context).rows()

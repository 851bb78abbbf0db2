"""`pen doctor`: what could be wrong with this installation, each thing with the command that mends it."""

import argparse
import os

from pen_backend.service.context import Context
from pen_backend.service.doctor import Doctor, Row, shareable
from pen_backend.transports.arguments import Parser, command, help_of
from pen_backend.transports.limits import Limit, limits
from pen_backend.transports.terminal import Terminal, table

FAILED = 3


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    added = command(commands, "doctor", check, help_of(Doctor.check))
    added.add_argument("--limits", action="store_true", help="list what pen limits instead, and where")
    added.add_argument("--report", action="store_true", help="for an issue: without the names of your directories")


def check(context: Context, options: argparse.Namespace, terminal: Terminal) -> int:
    """Print a row for each thing; 3 if one fails."""
    if options.limits:
        known = [*limits(), *(Limit(**each) for each in Doctor(context).engine_limits())]
        terminal.result(known, lambda: table(("OF", "AT MOST", "MODULE"), [(one.what, str(one), one.module)
                                                                           for one in known]))
        return 0
    rows = Doctor(context).check()
    shown = shareable(rows, os.environ) if options.report else rows
    terminal.result(shown, lambda: text(shown))
    return FAILED if any(row.status == "fail" for row in rows) else 0


def text(rows: list[Row]) -> str:
    """Lay rows out; what mends one stands below it."""
    lines = table(("", "", ""), [(row.status, row.name, row.said) for row in rows]).splitlines()[1:]
    width = lines[0].index(rows[0].said) if rows else 0
    return "\n".join(line for row, first in zip(rows, lines, strict=True)
                     for line in (first, *([f"{' ' * width}→ {row.fix}"] if row.fix else [])))

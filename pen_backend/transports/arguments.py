"""How commands are declared: argparse with pen's exit code, and the options every command has."""

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from pen_backend.service.context import Context
from pen_backend.transports.terminal import Terminal

Command = Callable[[Context, argparse.Namespace, Terminal], int | None]


class Parser(argparse.ArgumentParser):
    """argparse, with this program's exit code for wrong usage."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line and how to read more."""
        self.exit(1, f"{self.prog}: {message} (see {self.prog} --help)\n")


def read(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Read arguments; what a command does not know is said in its own name, so that its help is the one to read."""
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        getattr(options, "parser", parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def group(commands: "argparse._SubParsersAction[Parser]", name: str, text: str,
          ) -> "argparse._SubParsersAction[Parser]":
    """Add a command that has commands of its own."""
    inner = commands.add_parser(name, help=text, description=text)
    return inner.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)


def command(commands: "argparse._SubParsersAction[Parser]", name: str, function: Command, text: str) -> Parser:
    """Add a command with the options that all have."""
    return finish(commands.add_parser(name, help=text, description=text), function)


def finish(added: Parser, function: Command) -> Parser:
    """Give a parser what every command has: its options, and the function that it runs."""
    added.add_argument("--json", action="store_true", help="results as JSON; a stream as JSON lines")
    added.add_argument("--quiet", action="store_true", help="only results and errors")
    added.add_argument("--no-color", action="store_true", help="accepted; nothing is coloured")
    added.set_defaults(command=function, parser=added)
    return added


def help_of(method: Callable[..., object]) -> str:
    """Return a method's first sentence."""
    return (method.__doc__ or "").strip().splitlines()[0]


def at_least_one(text: str) -> int:
    """Read the number of an option that has to be a whole one of at least 1."""
    if not (text.isascii() and text.isdigit() and int(text[:9]) >= 1):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got '{text}'")
    return int(text[:9])

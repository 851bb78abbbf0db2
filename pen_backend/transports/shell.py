"""Completion of the command lines in a shell: `pen --print-completion bash`, zsh or tcsh prints what it loads."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SHELLS = ("bash", "zsh", "tcsh")
FILES = ("FILE", "PATH", "BEFORE", "AFTER", "DEFINITION|FILE", "FOLDER|ORGANISATION/NAME")
DIRECTORIES = ("DIR",)


class PrintCompletion(argparse.Action):
    """Print the script of a shell and end, as --version does."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: str | Sequence[Any] | None, option_string: str | None = None) -> None:
        """Print it: commands and options by their names, and files where one is meant."""
        import shtab

        kinds: dict[str, object] = dict.fromkeys(FILES, shtab.FILE)
        _mark_files(parser, kinds | dict.fromkeys(DIRECTORIES, shtab.DIRECTORY))
        sys.stdout.write(shtab.complete(parser, str(values)) + "\n")
        parser.exit()


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Let PARSER, and all commands that it has, be completed by a shell."""
    parser.add_argument("--print-completion", action=PrintCompletion, choices=SHELLS, metavar="SHELL",
                        help=f"print what {', '.join(SHELLS[:-1])} or {SHELLS[-1]} needs to complete this command")


def _mark_files(parser: argparse.ArgumentParser, kinds: Mapping[str, object]) -> None:
    """Say of each argument that is a file or a directory that it is one, in the attribute that shtab looks at."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _mark_files(inner, kinds)
        elif isinstance(action.metavar, str) and action.metavar in kinds:
            vars(action)["complete"] = kinds[action.metavar]

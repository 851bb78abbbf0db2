"""`pen prompts`: list definitions, show one, lint files, print the JSON Schema, render one without running it."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pen_backend.errors import BadParamsError, DataError, PromptError
from pen_backend.service.context import Context
from pen_backend.service.prompts import Prompts
from pen_backend.transports.arguments import Parser, command, group, help_of
from pen_backend.transports.terminal import Terminal, table
from pen_backend.words import count

if TYPE_CHECKING:
    from pen_backend.prompts.definition import Definition


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the commands."""
    prompts = group(commands, "prompts", "Prompt definitions.")
    command(prompts, "list", list_prompts, "List the definitions that are found.")
    added = command(prompts, "show", show, help_of(Prompts.show))
    added.add_argument("prompts", metavar="PROMPT", nargs="+", help="a definition's name or file")
    added = command(prompts, "lint", lint, "Find everything that is wrong with definitions, in all files at once.")
    added.add_argument("paths", metavar="PATH", nargs="*",
                       help="files, directories or names; none: all definitions that are found")
    command(prompts, "schema", schema, help_of(Prompts.schema))
    added = command(prompts, "render", render, "Print what the model would read, to the last sign, without running it.")
    added.add_argument("prompt", metavar="PROMPT", help="a definition's name or file")
    added.add_argument("values", metavar="ARG", nargs="*", help="its variables, in order; - reads stdin")
    added.add_argument("--example", action="store_true", help="the variables' own examples stand for missing values")


def list_prompts(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the definitions, training sets of their own below them; a broken one is said on stderr."""
    from pen_backend.prompts.dataset import DatasetSpec

    found = context.library().everything()
    for entry in found:
        if isinstance(entry, PromptError):
            terminal.fail(entry)
    prompts = Prompts(context).list()
    sets = [(one.name, one.prompt, one.description.partition("\n")[0])
            for one in found if isinstance(one, DatasetSpec)]
    shown = table(("NAME", "ARGUMENTS", "DESCRIPTION"), [
        (one.slug, " ".join(each.name for each in one.variables[:one.arity]),
         one.description.partition("\n")[0] + (" (only --without-filters)" if one.refused else ""))
        for one in prompts])
    terminal.result(prompts, f"{shown}\n\n{table(('TRAINING SET', 'PROMPT', 'DESCRIPTION'), sets)}" if sets else shown)


def show(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print definitions as pages."""
    from pen_backend.service.prompt_page import page

    shown = [Prompts(context).show(name) for name in options.prompts]
    terminal.result(shown if len(shown) > 1 else shown[0], lambda: "\n".join(map(page, shown)))


def lint(context: Context, options: argparse.Namespace, terminal: Terminal) -> int:
    """Say what is wrong on stderr, where an editor can follow it; an error makes the exit code 2."""
    from pen_backend.service.prompt_page import line

    findings = Prompts(context).lint(options.paths)
    for finding in findings:
        if finding.level == "error":
            print(line(finding), file=terminal.err)
        else:
            terminal.say(line(finding))
    terminal.result(findings, "")
    return PromptError.exit_code if any(finding.level == "error" for finding in findings) else 0


def schema(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the JSON Schema."""
    terminal.write(Prompts(context).schema())


def render(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the prompt as it is sent, a chat as one JSON line a message; a terminal gets a line end after a prompt."""
    given = values(context.library().prompt(options.prompt), options.values)
    rendered = Prompts(context).render(options.prompt, given, example=options.example)
    end = "\n" if terminal.out.isatty() and not rendered.prompt.endswith("\n") else ""
    if terminal.as_json:
        terminal.json_line(rendered)
    elif rendered.messages:
        for message in rendered.messages:
            terminal.json_line(message)
    else:
        terminal.write(rendered.prompt + end)


def values(definition: "Definition", given: Sequence[str]) -> dict[str, str]:
    """Give each of a definition's arguments its value, in order; - is all of stdin."""
    names = [variable.name for variable in definition.asked]
    if len(given) > len(names):
        takes = count(len(names), "argument") if names else "no arguments"
        listed = f" ({', '.join(names)})" if names else ""
        raise BadParamsError(f"{definition.slug} takes {takes}{listed}, but {len(given)} "
                             f"{'was' if len(given) == 1 else 'were'} given.",
                             hint="Put a text with spaces into quotes.")
    if given.count("-") > 1:
        raise BadParamsError("Only one value can be read from stdin.")
    named = {}
    for name, value in zip(names, given, strict=False):
        named[name] = _read_stdin() if value == "-" else value
        source = "standard input" if value == "-" else f"the value of '{name}'"
        try:
            named[name].encode()
        except UnicodeEncodeError:
            raise DataError(f"{source} is not UTF-8.", hint="Convert it first, as with iconv.") from None
        if not named[name].strip():
            raise BadParamsError(f"{source} is empty.", hint=f"'{name}' needs a text.")
    return named


def _read_stdin() -> str:
    """Read all of stdin; bytes that are no UTF-8 become surrogates, wherever Python runs."""
    data: bytes | str = getattr(sys.stdin, "buffer", sys.stdin).read()
    return data if isinstance(data, str) else data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")

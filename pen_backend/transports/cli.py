"""The command line `pen`: one subcommand a use case, each a thin face on a service's method.

Results go to stdout, all else to stderr; the exit code is the error's (0 ok, 1 usage, 2 data or definition, 3 backend,
4 job, 5 refused, 124 deadline, 130 interrupted).
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from pen_backend import __version__
from pen_backend.errors import BadParamsError
from pen_backend.service.context import Context
from pen_backend.transports import (
    cli_backup,
    cli_classic,
    cli_dataset,
    cli_doctor,
    cli_engine,
    cli_jobs,
    cli_models,
    cli_prepare,
    cli_prompts,
)
from pen_backend.transports.arguments import Parser, command, read
from pen_backend.transports.attempt import attempt
from pen_backend.transports.serve import add_options
from pen_backend.transports.shell import add_completion
from pen_backend.transports.terminal import Printed, Terminal, one_line

EPILOG = ("`pen COMMAND --help` tells more. Results go to stdout, everything else to stderr. Exit codes: 0 ok, 1 wrong "
          "usage, 2 invalid data or definition, 3 backend or provider failed, 4 the job failed or was cancelled, "
          "5 refused, 124 deadline passed, 130 interrupted.")


def main(argv: Sequence[str] | None = None, *, context: Context | None = None, out: TextIO | None = None,
         err: TextIO | None = None) -> int:
    """Run the command of ARGV (default: the process's arguments) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["serve"] and not {"-h", "--help"} & set(arguments):
        from pen_backend.transports import serve

        return serve.main(arguments[1:])
    try:
        classic = arguments[:1] == ["finetune"] and "--classic" in arguments
        options = read(cli_classic.parser(), arguments[1:]) if classic else read(parser(), arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    terminal = Terminal(out=out, err=err, as_json=options.json, quiet=options.quiet,
                        arguments=arguments)
    return attempt(terminal, lambda: options.command(
        context or Context(project=Path.cwd(), engine_state=_engine_state(options),
                           engine_port=getattr(options, "port", None),
                           engine_remote=getattr(options, "allow_remote", False)), options, terminal))


def parser() -> argparse.ArgumentParser:
    """Build the parser of every command; the help of each is its method's first sentence."""
    top = Parser(prog="pen", description="Fine-tune and prompt language models on your own machine.",
                 epilog=EPILOG)
    top.add_argument("--version", action="version", version=f"pen {__version__}")
    add_completion(top)
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    add_options(command(commands, "serve", lambda *_: 0, "Serve Emacs over EPC on stdin and stdout, or on a port."))

    cli_prompts.add(commands)
    cli_dataset.add(commands)
    cli_prepare.add(commands)
    cli_jobs.add(commands)

    complete = command(commands, "complete", complete_prompt,
                       "Run a definition on your text and print what the model writes.")
    complete.add_argument("prompt", metavar="PROMPT", help="a definition's name or file")
    complete.add_argument("values", metavar="ARG", nargs="*", help="its variables, in order; - reads stdin")
    complete.add_argument("--model", help="instead of the newest tuned one")
    complete.add_argument("--n", type=int, metavar="N", help="number of candidates")
    complete.add_argument("--temperature", type=float, metavar="X",
                          help="how far the model may stray, from 0 (not at all) to 2")
    complete.add_argument("--max-tokens", type=int, metavar="N", help="longest candidate")
    complete.add_argument("--seed", type=int, metavar="N", help="for the same answer again")
    complete.add_argument("--without-filters", action="store_true", help="leave texts as they are, in and out")
    complete.add_argument("--stream", action="store_true", help="print text as it arrives")

    cli_models.add(commands)
    cli_engine.add(commands)
    cli_backup.add(commands)
    cli_doctor.add(commands)
    return top


def complete_prompt(context: Context, options: argparse.Namespace, terminal: Terminal) -> None:
    """Print candidates, one a line."""
    from pen_backend.service.completions import Completions

    _check_numbers(options)
    values = cli_prompts.values(context.library().prompt(options.prompt), options.values)
    streams = options.stream and (terminal.as_json or options.n in (None, 1))
    result = Completions(context).start(
        options.prompt, values, model=options.model, n=1 if streams and options.n is None else options.n,
        temperature=options.temperature, max_tokens=options.max_tokens, seed=options.seed,
        without_filters=options.without_filters, events=Printed(terminal, texts=streams))
    if streams and terminal.as_json:
        terminal.json_line({"kind": "done", "value": result})
    elif streams:
        terminal.write("\n")
    else:
        terminal.result(result, lambda: "".join(f"{one_line(each.text)}\n" for each in result.candidates))


def _check_numbers(options: argparse.Namespace) -> None:
    """Refuse, before anything is started, numbers that no model takes."""
    heat = options.temperature
    if heat is not None and not (math.isfinite(heat) and 0 <= heat <= 2):
        raise BadParamsError(f"temperature must be a number from 0 to 2, got {heat:g}.")
    for name, least in (("n", 1), ("max_tokens", 1), ("seed", 0)):
        given = getattr(options, name)
        if given is not None and given < least:
            raise BadParamsError(f"{name.replace('_', '-')} must be at least {least}, got {given}.")


def _engine_state(options: argparse.Namespace) -> Path | None:
    state = getattr(options, "state", None)
    return Path(state).absolute() if state else None


if __name__ == "__main__":
    sys.exit(main())

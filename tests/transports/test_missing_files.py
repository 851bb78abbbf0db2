"""A file that is named on a command line and is not there is wrong usage, in every command."""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.transports import cli, cli_classic, openai_ft
from pen_backend.transports.shell import FILES
from tests.scripted_server import ScriptedServer
from tests.service.context import scripted

ABSENT, THERE = "absent/of-all.jsonl", "there.jsonl"
WRITTEN = ["pen backup FILE", "pen serve --token-file"]  # these name what is to be written

# By the command and its argument, as the parsers of all commands have them.
CASES = {
    "pen prompts lint PATH": ["prompts", "lint", "absent/of-all.yaml"],
    "pen dataset build --source": ["dataset", "build", "joke-token", "--source", ABSENT],
    "pen dataset read FILE": ["dataset", "read", ABSENT],
    "pen dataset check FILE": ["dataset", "check", ABSENT],
    "pen dataset stats FILE": ["dataset", "stats", ABSENT],
    "pen dataset cost FILE": ["dataset", "cost", ABSENT],
    "pen dataset card FILE": ["dataset", "card", ABSENT],
    "pen dataset diff BEFORE": ["dataset", "diff", ABSENT, THERE],
    "pen dataset diff AFTER": ["dataset", "diff", THERE, ABSENT],
    "pen prepare FILE": ["prepare", ABSENT, "-q"],
    "pen finetune DEFINITION|FILE": ["finetune", ABSENT],
    "pen finetune --source": ["finetune", "joke-token", "--source", ABSENT],
    "pen finetune --valid": ["finetune", THERE, "--valid", ABSENT],
    "pen models add FOLDER|ORGANISATION/NAME": ["models", "add", "absent/folder"],
    "pen restore FILE": ["restore", ABSENT],
    "pen finetune --classic FILE": ["finetune", "--classic", ABSENT],
    "pen finetune --classic --training-file": ["finetune", "--classic", "-t", ABSENT],
    "pen finetune --classic --validation-file": ["finetune", "--classic", "-t", THERE, "-v", ABSENT],
    "openai-ft --train": ["-t", ABSENT],
    "openai-ft --val": ["-t", THERE, "--val", ABSENT],
}
# What takes a definition's name or file, a plan's id or file, or another kind of file.
MORE = {
    "pen complete PROMPT": ["complete", "absent/of-all.yaml", "x"],
    "pen prompts show PROMPT": ["prompts", "show", "absent/of-all.yaml"],
    "pen prompts render PROMPT": ["prompts", "render", "absent/of-all.yaml"],
    "pen dataset build DEFINITION": ["dataset", "build", "absent/of-all.yaml"],
    "pen dataset build DATA": ["dataset", "build", "absent/of-all.csv"],
    "pen dataset read TEXT": ["dataset", "read", "absent/of-all.org"],
    "pen dataset read PATTERN": ["dataset", "read", "absent/*.org"],
    "pen dataset check DEFINITION": ["dataset", "check", "absent/of-all.yaml"],
    "pen dataset check NAME": ["dataset", "check", "of-all"],
    "pen prepare TABLE": ["prepare", "absent/of-all.csv", "-q"],
    "pen prepare --prompt": ["prepare", THERE, "-q", "--prompt", "absent/of-all.yaml"],
    "pen finetune DATA": ["finetune", "absent/of-all.csv"],
    "openai-ft TEXT": ["-t", "absent/of-all.txt"],
}


def arguments_of(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """Name the arguments of a command, and of its commands, that are files."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command, inner in action.choices.items():
                yield from arguments_of(inner, f"{name} {command}")
        elif action.metavar in FILES:
            yield f"{name} {action.option_strings[-1] if action.option_strings else action.metavar}"


def test_no_argument_that_is_a_file_is_forgotten_here() -> None:
    named = [*arguments_of(cli.parser(), "pen"), *arguments_of(cli_classic.parser(), "pen finetune --classic"),
             *arguments_of(openai_ft.parser(), "openai-ft")]
    assert sorted(named) == sorted([*CASES, *WRITTEN])


@pytest.mark.parametrize("case", [*CASES, *MORE])
def test_a_file_that_is_not_there_is_wrong_usage(case: str, tmp_path: Path) -> None:
    (tmp_path / THERE).write_text('{"prompt": "Why?", "completion": " So."}\n')
    arguments = [str(tmp_path / each) if each.startswith(("absent", THERE)) else each for each in (CASES | MORE)[case]]
    out, err = io.StringIO(), io.StringIO()
    main = openai_ft.main if case.startswith("openai-ft") else cli.main
    with ScriptedServer() as server:
        code = main(arguments, context=scripted(server, tmp_path), out=out, err=err)
    assert (code, out.getvalue(), server.requests) == (1, "", []), err.getvalue()
    assert "of-all" in err.getvalue() or "absent" in err.getvalue()


@pytest.mark.parametrize("case", [case for case in CASES if case != "pen prompts lint PATH"])
@pytest.mark.parametrize("name", ["", "x" * 300 + ".jsonl"], ids=["empty", "long"])
def test_a_name_that_no_file_can_have_is_wrong_usage(case: str, name: str, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / THERE).write_text('{"prompt": "Why?", "completion": " So."}\n')
    arguments = [name if each.startswith("absent") else each for each in CASES[case]]
    out, err = io.StringIO(), io.StringIO()
    main = openai_ft.main if case.startswith("openai-ft") else cli.main
    with ScriptedServer() as server:
        code = main(arguments, context=scripted(server, tmp_path), out=out, err=err)
    assert (code in (1, 2), out.getvalue(), server.requests) == (True, "", []), err.getvalue()


def test_a_file_that_a_definition_names_and_that_is_not_there_makes_it_invalid(tmp_path: Path) -> None:
    path = tmp_path / "puns.yaml"
    path.write_text("pen: 1\ntitle: Puns\nprompt: <a>\ncompletion: <b>\nvars: [a, b]\n"
                    'format: {prompt-end: "\\n", completion-end: END}\ntraining: {sources: [{path: of-all.jsonl}]}\n')
    out, err = io.StringIO(), io.StringIO()
    with ScriptedServer() as server:
        code = cli.main(["dataset", "build", str(path)], context=scripted(server, tmp_path), out=out, err=err)
    assert (code, "of-all.jsonl does not exist" in err.getvalue()) == (2, True), err.getvalue()

"""What a shell offers for a command line that is half typed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pen_backend.transports import openai_ft
from pen_backend.transports.cli import main
from pen_backend.transports.shell import SHELLS

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
$(complete -p "$1" | sed -E 's/.*-F ([^ ]+).*/\\1/') "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["--print-completion", "bash"]) == 0
    (tmp_path / "pen.bash").write_text(capsys.readouterr().out)
    return tmp_path / "pen.bash"


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "offered"), [
    (["pen", "fi"], {"finetune"}),
    (["pen", "jobs", "pa"], {"pause"}),
    (["pen", "jobs", "re"], {"resume"}),
    (["pen", "dataset", "build", "--val"], {"--valid-share"}),
    (["pen", "finetune", "puns", "--schedule", "cos"], {"cosine"}),
    (["pen", "dataset", "check", "a"], {"a file.jsonl", "attic"}),
    (["pen", "dataset", "build", "x", "--out", "a"], {"attic"}),
])
def test_bash_completes_commands_options_values_and_files(
        script: Path, tmp_path: Path, typed: list[str], offered: set[str]) -> None:
    (tmp_path / "a file.jsonl").touch()
    (tmp_path / "attic").mkdir()
    asked = subprocess.run(["bash", "--norc", "-c", ASK, "ask", str(script), *typed], cwd=tmp_path, timeout=60,
                           env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    assert {line.rstrip("/ ") for line in asked.stdout.splitlines()} == offered


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_its_script(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shutil.which(shell)
    for program in (main, openai_ft.main):
        assert program(["--print-completion", shell]) == 0
        (tmp_path / "script").write_text(capsys.readouterr().out)
        if found:
            subprocess.run([found, "-n", str(tmp_path / "script")], timeout=60, check=True)
    if not found:
        pytest.skip(f"{shell} is missing, so its scripts were written and not read; Debian's package {shell} has it")


def test_another_shell_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", "fish"]) == 1
    assert "'bash', 'zsh', 'tcsh'" in capsys.readouterr().err

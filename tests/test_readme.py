"""The README's claims that a machine can check."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def tree() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tree", ROOT / ".ci" / "tree.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tree_is_the_one_of_today(tree: ModuleType) -> None:
    shown = re.search(r"<!-- tree -->\n```\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert shown.group(1) == tree.tree(), "run: .venv/bin/python .ci/tree.py --write"


def test_every_program_file_says_what_it_is_in_one_line(tree: ModuleType) -> None:
    silent = [path for path in tree.tracked()
              if path.suffix in (".py", ".el", ".yaml") and path.stat().st_size and tree.sentence(path) is None]
    assert silent == []


def test_every_path_in_the_two_walks_exists() -> None:
    named = set(re.findall(r"`([\w/.-]+\.(?:py|el))`", README))
    known = [path.as_posix() for path in ROOT.rglob("*.py") if ".venv" not in path.parts]
    known += [path.as_posix() for path in (ROOT / "elisp").glob("*.el")]
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in known)] == []


def test_every_make_target_the_readme_names_exists() -> None:
    rules = (ROOT / "Makefile").read_text()
    assert [name for name in re.findall(r"\bmake ([a-z]+)\b", README) if not re.search(rf"^{name}:", rules, re.M)] == []


def test_every_command_the_readme_names_exists() -> None:
    named = set(re.findall(r"^    pen ([a-z]+(?: [a-z]+)?)", README, re.M))
    assert named
    for command in named:
        words = [word for word in command.split() if word != "pun"][:2]
        asked = subprocess.run([sys.executable, "-P", "-m", "pen_backend", *words, "--help"], capture_output=True,
                               text=True, timeout=60, check=False)
        assert asked.returncode == 0, f"pen {command}: {asked.stderr}"


def test_the_pythons_that_fit_are_the_same_everywhere_for_one_torch() -> None:
    told = [(ROOT / path).read_text() for path in (".ci/setup", "elisp/pen-install.el")]
    setup, install = (re.findall(r"sys\.exit\(not (.*? \(3, \d+\))\)", text) for text in told)
    assert setup == install != []
    pinned = re.search(r'"torch==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None
    assert [re.findall(r"there is no torch ([\d.]+)", text) for text in told] == [[pinned[1]]] * 2

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
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


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
    named = set(re.findall(r"`([\w/.-]+\.(?:py|el))`", README + CONTRIBUTING.replace("NAME.py", "")))
    known = [path.as_posix() for path in ROOT.rglob("*.py") if ".venv" not in path.parts]
    known += [path.as_posix() for path in ROOT.glob("**/elisp/*.el")]
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in known)] == []


def test_every_make_target_the_readme_names_exists() -> None:
    rules = (ROOT / "Makefile").read_text()
    named = re.findall(r"(?:`|^ +)make ([a-z]+(?:-[a-z]+)?)\b", README + CONTRIBUTING, re.M)
    assert "test-elisp" in named
    assert [name for name in named if not re.search(rf"^{name}:", rules, re.M)] == []


def test_every_command_the_readme_names_exists() -> None:
    named = set(re.findall(r"^    pen ([a-z]+(?: [a-z]+)?)", README, re.M))
    assert named
    for command in named:
        words = [word for word in command.split() if word != "pun"][:2]
        asked = subprocess.run([sys.executable, "-P", "-m", "pen_backend", *words, "--help"], capture_output=True,
                               text=True, timeout=60, check=False)
        assert asked.returncode == 0, f"pen {command}: {asked.stderr}"


def test_every_table_that_contributors_are_sent_to_is_there() -> None:
    sent = re.findall(r"`([A-Za-z_]+)`(?: and `([A-Za-z_]+)`)? of `([\w/.]+\.py)`", CONTRIBUTING)
    assert len(sent) >= 6
    for first, second, path in sent:
        places = [one for one in ROOT.glob(f"**/{path}") if ".venv" not in one.parts and "build" not in one.parts]
        assert any(all(re.search(rf"^(?:class |def )?{name}\b", one.read_text(), re.M)
                       for name in (first, second) if name)
                   for one in places), (first, second, path)


def test_one_test_can_be_run_as_it_is_said() -> None:
    for path, word in re.findall(r"pytest (\S+\.py) -k (\w+)", CONTRIBUTING):
        assert re.search(rf"^def test_\w*{word}", (ROOT / path).read_text(), re.M)
    for path, word in re.findall(r"-l (\S+\.el) \\\n.*batch-and-exit \"(\w+)\"", CONTRIBUTING):
        assert re.search(rf"^\(ert-deftest [a-z-]*{word}", (ROOT / path).read_text(), re.M)


def test_the_version_is_the_same_everywhere() -> None:
    places = {"pyproject.toml": r'^version = "(.*)"', "pen_backend/__init__.py": r'^__version__ = "(.*)"',
              "elisp/pen.el": r"^;; Version: (.*)", "elisp/pen-rpc-process.el": r'^\(defconst pen-rpc-version "(.*?)"'}
    versions = {path: re.findall(pattern, (ROOT / path).read_text(), re.M) for path, pattern in places.items()}
    assert all(path in CONTRIBUTING for path in places)
    assert len({tuple(found) for found in versions.values()}) == 1, versions
    assert all(len(found) == 1 for found in versions.values()), versions


def test_the_pythons_that_fit_are_the_same_everywhere_for_one_torch() -> None:
    told = [(ROOT / path).read_text() for path in (".ci/setup", "elisp/pen-install.el")]
    setup, install = (re.findall(r"sys\.exit\(not (.*? \(3, \d+\))\)", text) for text in told)
    assert setup == install != []
    pinned = re.search(r'"torch==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None
    assert [re.findall(r"there is no torch ([\d.]+)", text) for text in told] == [[pinned[1]]] * 2

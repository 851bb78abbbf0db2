"""How the demo fails: status 1, one line, nothing left running. That it succeeds, `make demo` shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout whose demo is a copy, so that a person's own demo/state stays as it is; one pun is all it has."""
    for name in ("elisp", "pen_backend"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("demo", "prompts"):
        (tmp_path / name).mkdir()
    for path in (ROOT / "demo").glob("*.[pe]*"):
        (tmp_path / "demo" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "prompts" / "puns.org").write_text("* One\n- Why did the lone pun weep? It had no row.\n")
    return tmp_path


def demo(copy: Path, emacs: str) -> tuple[int, list[str]]:
    """Run the demo; return its status and what it said on standard error."""
    done = subprocess.run([sys.executable, "-P", str(copy / "demo" / "run.py")], capture_output=True, text=True,
                          env={**os.environ, "EMACS": emacs}, timeout=100, check=False)
    return done.returncode, done.stderr.strip().splitlines()


def test_an_emacs_that_cannot_be_started_is_one_line(copy: Path) -> None:
    assert demo(copy, "/nowhere/emacs") == (1, ["make demo: /nowhere/emacs: No such file or directory"])


def test_an_emacs_that_dies_is_one_line(copy: Path) -> None:
    emacs = copy / "emacs"
    emacs.write_text("#!/bin/sh\nexit 134\n")
    emacs.chmod(0o755)
    assert demo(copy, str(emacs)) == (1, ["make demo: Emacs ended with 134."])


def test_a_step_that_fails_is_said_once(copy: Path) -> None:
    status, said = demo(copy, os.environ.get("EMACS", "emacs"))
    assert (status, len(said)) == (1, 1), said
    assert said[0].startswith("make demo: ")
    assert "two" in said[0]

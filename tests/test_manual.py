"""The manual as Emacs's own Info has it: `make info`, in a copy."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def make_info(place: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run `make info` in a copy at PLACE with the programs that PATH has."""
    shutil.copy(ROOT / "Makefile", place)
    shutil.copytree(ROOT / "docs", place / "docs", ignore=shutil.ignore_patterns("pen.texi", "pen.info", "dir"))
    return subprocess.run(["/usr/bin/env", "make", "info"], cwd=place, env={**os.environ, "PATH": path},
                          capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_the_manual_becomes_info_without_a_warning(tmp_path: Path) -> None:
    if shutil.which("makeinfo") is None:
        pytest.skip("makeinfo is missing; Debian's package texinfo has it")
    made = make_info(tmp_path, os.environ["PATH"])
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    info = (tmp_path / "docs" / "pen.info").read_text()
    assert "File: pen.info,  Node: Org blocks," in info
    assert "* pen: (pen)." in (tmp_path / "docs" / "dir").read_text()


@pytest.mark.slow
def test_without_makeinfo_it_is_said_what_to_install(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "sh", os.environ.get("EMACS", "emacs")):
        found = shutil.which(name)
        assert found is not None
        (programs / Path(name).name).symlink_to(found)
    made = make_info(tmp_path, str(programs))
    assert made.returncode == 2
    assert "install texinfo" in made.stderr
    assert not (tmp_path / "docs" / "pen.texi").exists()

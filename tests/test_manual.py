"""The manual as Emacs's own Info has it: `make info`, in a copy."""

import io
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from pen_backend.config import SETTINGS
from pen_backend.service.context import Context
from pen_backend.transports.cli import main
from tests.conftest import environment

ROOT = Path(__file__).resolve().parents[1]
MANUAL = (ROOT / "docs" / "pen.org").read_text()


def make_info(place: Path, path: str) -> subprocess.CompletedProcess[str]:
    """Run `make info` in a copy at PLACE with the programs that PATH has."""
    shutil.copy(ROOT / "Makefile", place)
    shutil.copytree(ROOT / "docs", place / "docs", ignore=shutil.ignore_patterns("pen.texi", "pen.info", "dir"))
    inherited = {name: value for name, value in os.environ.items() if "MAKE" not in name and name != "MFLAGS"}
    return subprocess.run(["/usr/bin/env", "make", "info"], cwd=place, env={**inherited, "PATH": path},
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


def test_the_definition_in_the_manual_builds_a_training_set(tmp_path: Path) -> None:
    shown = re.search(r"#\+begin_src yaml[^\n]*\n(.*?)#\+end_src", MANUAL, re.DOTALL)
    assert shown is not None
    (tmp_path / "headline.yaml").write_text(textwrap.dedent(shown[1]))
    (tmp_path / "headlines.csv").write_text("note,headline\n" + "".join(
        f"The {thing} opens on Monday.,{thing.title()} opens\n" for thing in ("bakery", "cinema", "library", "bridge")))
    for arguments in (["prompts", "lint"], ["dataset", "build", "--out", str(tmp_path / "out")]):
        err = io.StringIO()
        code = main([*arguments, str(tmp_path / "headline.yaml")], context=Context(environ=environment(tmp_path)),
                    out=io.StringIO(), err=err)
        assert (code, "error" in err.getvalue()) == (0, False), err.getvalue()
    assert (tmp_path / "out" / "latest" / "train.jsonl").read_text().count("Headline:") > 0


def test_the_settings_in_the_manual_are_those_that_there_are() -> None:
    told = MANUAL.partition("* Settings of the backend\n")[2].partition("\n* ")[0]
    rows = dict(re.findall(r"^\| =([a-z.-]+)= +\| =?([^|=]*?)=? +\|", told, re.M))
    usual = {setting.key: str(setting.default) for setting in SETTINGS}
    assert {"provider", "model"} < rows.keys() <= usual.keys()
    assert {key: value for key, value in rows.items() if value not in (usual[key], "–")} == {}

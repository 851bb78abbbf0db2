import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pen_backend.config import Config
from pen_backend.service.context import Context
from pen_backend.service.doctor import Doctor, Row, fits, shareable
from tests.conftest import environment


def logged(days: int) -> str:
    """A time of the log, so many days ago."""
    return time.strftime("%Y-%m-%d %H:%M:%S,000", time.localtime(time.time() - days * 86_400))


def torch(answer: str = "2.13.0 2 False\n", code: int = 0, said: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.CompletedProcess([], code, answer, said)


def rows(home: Path, config: Config | None = None, done: "subprocess.CompletedProcess[str] | None" = None,
         **environ: str) -> dict[str, Row]:
    def run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        assert argv[0] == sys.executable
        return done or torch()

    context = Context(config, environ=environment(home) | environ)
    return {row.name: row for row in Doctor(context, run=run).check()}


def test_a_whole_installation_is_well(tmp_path: Path) -> None:
    found = rows(tmp_path)
    assert {name for name, row in found.items() if row.status == "fail"} == set()
    assert list(found) == ["Python", "venv", "packages", "settings", "key", "engine", "torch", "vocabularies", "disk",
                           "memory", "log"]
    assert "epc 0.0.5" in found["packages"].said
    assert found["engine"].said.startswith("does not run")


def test_what_is_not_ok_says_what_to_do(tmp_path: Path) -> None:
    log = tmp_path / "state" / "pen" / "service.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"{logged(0)} ERROR 1 pen: it broke with sk-abcdefghijkl\n")
    found = rows(tmp_path, Config(provider="openai", log_text=True), torch(code=1, said="x\nImportError: libc10.so\n"))
    assert {row.name for row in found.values() if row.status != "ok"} == {"settings", "key", "torch", "log"}
    assert all(row.fix for row in found.values() if row.status != "ok")
    assert found["key"].status == found["torch"].status == "fail"
    assert "libc10.so" in found["torch"].said
    assert f"{sys.executable} -m pip install --force-reinstall torch==" in str(found["torch"].fix)
    assert "sk-abc" not in found["log"].said


def test_a_fault_while_looking_is_a_row(tmp_path: Path) -> None:
    config = tmp_path / "config" / "pen" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("provder: openai\n")
    found = rows(tmp_path)
    assert found["settings"].status == "fail"
    assert str(config) in found["settings"].said
    assert found["settings"].fix == f"Correct {config}"
    assert found["disk"].status == "ok"


def test_a_key_is_told_by_its_place_and_never_shown(tmp_path: Path) -> None:
    found = rows(tmp_path, Config(provider="openai"), OPENAI_API_KEY="sk-secretsecret")
    assert (found["key"].status, found["key"].said) == (
        "ok", "for api.openai.com from the environment (OPENAI_API_KEY)")
    assert "secretsecret" not in repr(found)


def test_a_key_file_that_others_may_read_is_named_with_the_command(tmp_path: Path) -> None:
    path = tmp_path / ".pen" / "openai_api_key"
    path.parent.mkdir()
    path.write_text("sk-secretsecret")
    path.chmod(0o644)
    assert rows(tmp_path, Config(provider="openai"))["key"].fix == f"chmod 600 {path}"


def test_errors_of_long_ago_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "state" / "pen" / "service.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"{logged(2)} ERROR 1 pen: it broke\n")
    assert rows(tmp_path)["log"].status == "ok"


@pytest.mark.parametrize(("requirement", "good"), [
    ("epc==0.0.5", True), ("epc==0.0.4", False), ("sexpdata<2,>=1.0", True), ("sexpdata>=99", False),
    ("no-such-package>=1", False), ("pytest", True), ("pytest>=9.0,!=9.0.99", True)])
def test_requirements_are_compared_by_numbers(requirement: str, good: bool) -> None:
    assert fits(requirement) is good


def test_a_report_names_no_directory_of_the_user() -> None:
    row = Row("disk", "warn", "/home/ann/.local/share/pen is full", "rm /run/user/1/pen/x /home/ann/y")
    shared = shareable([row], {"HOME": "/home/ann", "XDG_RUNTIME_DIR": "/run/user/1"})
    assert shared == [Row("disk", "warn", "~/.local/share/pen is full", "rm $XDG_RUNTIME_DIR/pen/x ~/y")]

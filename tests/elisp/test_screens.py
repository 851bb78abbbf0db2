"""What a person sees and presses: Emacs in a terminal (tmux), and on a display (Xvfb), with a real service and engine.

Both skip, by name, where their program is missing; where EMACS_PACKAGE is emacs-gtk, as in .ci/run, that is a failure.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from pen_backend.service.jobs import Jobs
from tests.conftest import LiveEngine
from tests.jobs.plans import ROWS, make_plan
from tests.service.context import Kept

HERE = Path(__file__).parent
EMACS = os.environ.get("EMACS", "emacs")
LOAD = ("-Q", "-L", str(HERE.parents[1] / "elisp"), "-l", str(HERE / "screen.el"))
SECONDS = 90.0
TRAIN, VALID = 0x3465A4, 0xCC6600  # faces pen-curve-train and pen-curve-valid on a light background

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


def missing(package: str) -> NoReturn:
    """Skip for want of a Debian package; fail where it was to be there."""
    told = f"install Debian's {package}"
    if os.environ.get("EMACS_PACKAGE") == "emacs-gtk":
        pytest.fail(told)
    pytest.skip(told)


def wait_for(condition: Callable[[], object], told: Callable[[], str]) -> None:
    """Wait until CONDITION holds; TOLD says what there is instead."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(told(), pytrace=False)
        time.sleep(0.1)


def environment(engine: LiveEngine) -> dict[str, str]:
    """The engine's own directories, so that the service of this Emacs finds it."""
    return {**engine.environ, "LANG": "C.UTF-8", "TERM": "xterm-256color", "PEN_PYTHON": sys.executable,
            "PYTHONPATH": str(HERE.parents[1])}


class Terminal:
    """An Emacs in a tmux of its own."""

    def __init__(self, directory: Path, environ: Mapping[str, str], *arguments: str) -> None:
        self._tmux = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self._environ = dict(environ)
        self._run("new-session", "-d", "-x", "100", "-y", "30", EMACS, "-nw", *LOAD, *arguments)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        self._run("send-keys", *keys)

    def screen(self) -> str:
        """What is to be seen."""
        return self._run("capture-pane", "-p")

    def wait_for(self, text: str) -> None:
        """Wait until TEXT is to be seen."""
        wait_for(lambda: text in self.screen(), lambda: f"{text!r} did not appear:\n{self.screen()}")

    def close(self) -> None:
        """End tmux, and Emacs with it."""
        self._run("kill-server")

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], env=self._environ, check=True, capture_output=True, text=True,
                              timeout=60).stdout


def saved(path: Path) -> str:
    """Read a file that Emacs may be writing: it renames the old one, makes an empty one, and fills that at once."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def test_a_completion_is_accepted_by_keys(engine: LiveEngine, tmp_path: Path) -> None:
    if shutil.which("tmux") is None:
        missing("tmux")
    puns = tmp_path / "puns.txt"
    text = "- What do you call a parser in a hurry? A token runner.\n- Why did the clock wait? It had time."
    puns.write_text(text)
    terminal = Terminal(tmp_path, environment(engine), str(puns), "--eval",
                        "(progn (setq pen-force-temperature 0) (goto-char (point-max)))")  # a drawn answer may be empty
    try:
        terminal.wait_for("It had time.")
        terminal.press("M-x", "pen-pun-complete", "Enter")
        wait_for(lambda: re.search(r"\[1/\d+\]", terminal.screen()), lambda: f"It never ends:\n{terminal.screen()}")
        assert puns.read_text() == text
        terminal.press("Tab")
        terminal.press("C-x", "C-s")
        wait_for(lambda: saved(puns) not in ("", text), lambda: f"Nothing was saved:\n{terminal.screen()}")
        assert saved(puns).startswith(text + "\n- ")
        assert saved(puns)[len(text) + 3:].strip()
        terminal.press("C-x", "u")
        terminal.press("C-x", "C-s")
        wait_for(lambda: saved(puns).rstrip("\n") == text, lambda: f"Undo is not one step:\n{terminal.screen()}")
    finally:
        terminal.close()


@pytest.fixture
def display(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A display of its own: its name, and the file that holds its pixels."""
    if shutil.which("Xvfb") is None:
        missing("xvfb")
    draws = subprocess.run([EMACS, "-Q", "--batch", "--eval",
                            "(kill-emacs (if (and (fboundp 'x-create-frame) (image-type-available-p 'svg)) 0 1))"],
                           check=False, timeout=60).returncode == 0
    if not draws:
        missing("emacs-gtk in place of emacs-nox")
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "900x700x24", "-nolisten", "tcp",
                               "-fbdir", str(tmp_path)], pass_fds=[write], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            number = told.readline().strip()
        yield f":{number}", tmp_path / "Xvfb_screen0"
    finally:
        server.terminate()
        server.wait(60)


def colours(screen: Path) -> Counter[int]:
    """Count the pixels of each colour in a dump of X (XWDFile.h): big-endian header, colour map, rows."""
    data = screen.read_bytes()
    header = struct.unpack(">25I", data[:100])
    size, width, height, bits, row, entries = (header[i] for i in (0, 4, 5, 11, 12, 19))
    assert bits == 32
    pixels = memoryview(data)[size + 12 * entries:]
    found: Counter[int] = Counter()
    for y in range(height):
        found.update(colour & 0xFFFFFF for colour in struct.unpack_from(f"<{width}I", pixels, y * row))
    return found


def test_a_curve_is_drawn(engine: LiveEngine, display: tuple[str, Path], tmp_path: Path) -> None:
    name, screen = display
    jobs = Jobs(engine.context())
    job = jobs.launch(str(make_plan(tmp_path / "plan", train=ROWS, valid=ROWS[:4])), model="two-layer", n_epochs=4,
                      batch_size=4, eval_every=2, seed=1, tune="full", learning_rate=0.01)
    assert jobs.watch(job.id, events=Kept()).status == "succeeded"
    log = tmp_path / "emacs.log"
    with log.open("wb") as output:
        emacs = subprocess.Popen([EMACS, *LOAD, "--geometry", "95x36"], stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=output, env={**environment(engine), "DISPLAY": name, "PEN_JOB": job.id})
    try:
        wait_for(lambda: emacs.poll() is not None or min(colours(screen)[TRAIN], colours(screen)[VALID]) > 200,
                 lambda: f"No curve is on the screen: {colours(screen).most_common(12)}\n{log.read_text()}")
        assert emacs.poll() is None, log.read_text()
    finally:
        emacs.terminate()
        emacs.wait(60)

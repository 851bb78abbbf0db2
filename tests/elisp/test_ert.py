"""Every tests/elisp/*-test.el in an Emacs of its own, on a home directory of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ELISP = HERE.parents[1] / "elisp"
DEADLINE = 300  # seconds of patience with a file
TRAINING = {"whole-test": 540, "whole-dataset-test": 200, "whole-org-test": 400}  # engines, large sets
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "OMP_NUM_THREADS", "PEN_SHARED", "PEN_ENGINE_THREADS", "EMACSLOADPATH")

FILES = sorted(HERE.glob("*-test.el"))


def environment(home: Path) -> dict[str, str]:
    """Make an environment in which nothing of the user's can be read or written."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    places = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    return {"LANG": "C.UTF-8", **kept, **places, "HOME": str(home), "XDG_RUNTIME_DIR": str(home),
            "TMPDIR": str(home), "PEN_PYTHON": sys.executable}


@pytest.mark.slow
@pytest.mark.timeout(max(TRAINING.values()) + 20)
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_ert(path: Path, tmp_path: Path) -> None:
    emacs = subprocess.Popen(
        [os.environ.get("EMACS", "emacs"), "-Q", "--batch", "-L", str(ELISP), "-L", str(HERE), "-l", str(path),
         "-f", "ert-run-tests-batch-and-exit"],
        env=environment(tmp_path), cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True, text=True, errors="replace")
    deadline = TRAINING.get(path.stem, DEADLINE)
    try:
        said, _ = emacs.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        os.killpg(emacs.pid, signal.SIGKILL)  # its service too; an engine has a session of its own
        said, _ = emacs.communicate(timeout=5)
        pytest.fail(f"{path.name} was not done in {deadline} s\n{said}", pytrace=False)
    if emacs.returncode != 0:
        pytest.fail(f"{path.name} ended with {emacs.returncode}\n{said}", pytrace=False)

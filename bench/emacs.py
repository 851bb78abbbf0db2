"""Emacs as the benchmarks run it: batch, without a user's files, on byte-compiled Lisp."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
ELISP = ROOT / "elisp"
EMACS = os.environ.get("EMACS", "emacs")
DEADLINE = 300


@contextmanager
def compiled(*names: Path) -> Iterator[Path]:
    """Copy Lisp files into a directory of their own and byte-compile them there."""
    with TemporaryDirectory(prefix="pen-bench-") as name:
        directory = Path(name)
        for path in names:
            shutil.copy(path, directory)
        subprocess.run([EMACS, "-Q", "--batch", "-L", name, "-f", "batch-byte-compile",
                        *(str(directory / path.name) for path in names)], check=True, timeout=DEADLINE,
                       capture_output=True)
        yield directory


def link_files() -> list[Path]:
    """List the files of the link's client, and the one that says whose project a call is for."""
    return sorted([*ELISP.glob("pen-rpc*.el"), ELISP / "pen-project.el"])


def environment(home: Path) -> dict[str, str]:
    """Keep everything a run writes below HOME."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home)}

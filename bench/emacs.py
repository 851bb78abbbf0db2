"""Emacs as the benchmarks run it: batch, without a user's files, on byte-compiled Lisp."""

import os
import re
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
LINK, STREAM = ELISP / "pen-rpc-methods.el", ELISP / "pen-stream.el"  # what calls the service, what waits for it

_FEATURES = re.compile(r"""^\(require '(pen[\w-]*)\)|\(autoload '\S+ "(pen[\w-]*)"\)""", re.MULTILINE)


@contextmanager
def compiled(*names: Path) -> Iterator[Path]:
    """Copy Lisp files and what they require into a directory of their own and byte-compile them there."""
    with TemporaryDirectory(prefix="pen-bench-") as name:
        directory = Path(name)
        files = [shutil.copy(path, directory) for path in required(*names)]
        subprocess.run([EMACS, "-Q", "--batch", "-L", name, "-f", "batch-byte-compile", *files], check=True,
                       timeout=DEADLINE, capture_output=True)
        yield directory


def required(*names: Path) -> list[Path]:
    """List files and those of pen that they require or load later, in the order in which they are met."""
    found = list(names)
    for path in found:
        features = ["".join(one) for one in _FEATURES.findall(path.read_text())]
        found += [other for other in dict.fromkeys(ELISP / f"{one}.el" for one in features)
                  if other not in found and other.exists()]
    return found


def environment(home: Path) -> dict[str, str]:
    """Keep everything a run writes below HOME."""
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home)}

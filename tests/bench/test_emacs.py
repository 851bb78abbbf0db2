"""The Lisp that the benchmarks measure is all that it needs."""

import subprocess
from pathlib import Path

import pytest

from bench.emacs import EMACS, LINK, ROOT, STREAM, compiled, environment


@pytest.mark.slow
@pytest.mark.parametrize("files", [(LINK, STREAM), (ROOT / "bench" / "link" / "pen-bench-link.el",)])
def test_what_is_measured_is_compiled_with_all_that_it_requires(files: tuple[Path, ...], tmp_path: Path) -> None:
    with compiled(*files) as lisp:
        assert {path.stem for path in lisp.glob("*.el")} == {path.stem for path in lisp.glob("*.elc")}
        loading = [each for file in files for each in ("-l", file.stem)]
        subprocess.run([EMACS, "-Q", "--batch", "-L", str(lisp), *loading], env=environment(tmp_path), check=True,
                       timeout=60, capture_output=True)


@pytest.mark.slow
def test_the_link_loads_no_library(tmp_path: Path) -> None:
    loaded = "(dolist (one features) (unless (memq one before) (princ (format \"%s\\n\" one))))"
    with compiled(LINK) as lisp:
        found = subprocess.run([EMACS, "-Q", "--batch", "-L", str(lisp), "--eval", "(setq before features)",
                                "-l", LINK.stem, "--eval", loaded], env=environment(tmp_path), check=True, timeout=60,
                               capture_output=True, text=True)
        assert set(found.stdout.split()) == {path.stem for path in lisp.glob("*.el")} - {"pen-key"}

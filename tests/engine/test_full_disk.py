"""On a full disk nothing new is kept, and what is there can be deleted, also when others take all that is freed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.harness import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 110.0


def on_a_full_disk(directory: Path, *, ballast: int, times: int) -> dict[str, Any]:
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(directory)]
    if (shutil.which("unshare") is None
            or subprocess.run(probe, capture_output=True, timeout=SECONDS, check=False).returncode):
        pytest.skip("a disk of its own needs unshare of util-linux, and a system that allows user namespaces")
    found = subprocess.run(["unshare", "-rm", sys.executable, "-P", str(PROGRAMS / "full_disk.py"), str(ROOT),
                            str(directory), str(ballast), str(times)], capture_output=True, text=True, timeout=SECONDS,
                           check=False)
    assert found.returncode == 0, found.stderr
    return dict(json.loads(found.stdout))


@pytest.mark.slow
@pytest.mark.reliability
@pytest.mark.parametrize(("ballast", "times"), [(16 << 20, 1), (1, 200)], ids=["with ballast", "without ballast"])
def test_everything_can_be_deleted_on_a_full_disk(tmp_path: Path, ballast: int, times: int) -> None:
    found = on_a_full_disk(tmp_path, ballast=ballast, times=times)
    assert 0 < found["laid_up"] < 16 << 20
    assert (found["refused"], found["backup"], found["held"]) == (507, 507, 0)
    assert set(found["deleted"]) == {200}
    assert (found["left"], found["model"]) == ([], 404)
    assert found["blobs"] <= 3  # its job's
    assert found["then"] == 200

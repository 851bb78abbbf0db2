"""An engine on a disk of its own that is filled: unshare -rm python -P full_disk.py ROOT DIRECTORY BALLAST TIMES.

ROOT is the project. DIRECTORY gets a small disk in memory. Its engine has a ballast of so many bytes, or as many as
fit, and files of TIMES 1.4 KB. What a deletion makes free is taken by somebody else before the next one. Prints JSON.
"""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from tests.engine.harness import LINES, SCRIPTED, engine, tiny_base

FILES = 16


def fill(directory: Path) -> None:
    """Write until nothing more fits."""
    with (directory / "filler").open("ab", buffering=0) as stream:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    stream.write(bytes(size))


def main() -> None:
    disk, ballast, times = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)], check=True)
    bases = tiny_base(disk / "bases")
    with engine(disk / "state", bases, **SCRIPTED, ballast_bytes=ballast, record=False) as served:
        laid_up = (served.state / "ballast").stat().st_size
        model = served.wait(served.create_job({"steps": 1})["id"])["fine_tuned_model"]
        files = [served.upload(LINES * times + b"\n" * number, name=f"{number}{'n' * 200}.jsonl").json["id"]
                 for number in range(FILES)]
        fill(disk)
        refused = served.upload(LINES * 40).status
        backup = served.request("GET", "/pen/backup").status
        held = len(list((served.state / "tmp").iterdir()))
        answers = []
        for path in (*(f"/v1/files/{name}" for name in files), f"/v1/models/{model}"):
            answers.append(served.request("DELETE", path).status)
            fill(disk)
        left = [each["id"] for each in served.get("/v1/files")["data"] if each["id"] in files]
        (disk / "filler").unlink()
        print(json.dumps({
            "laid_up": laid_up, "refused": refused, "backup": backup, "held": held, "deleted": answers, "left": left,
            "model": served.request("GET", f"/v1/models/{model}").status,
            "blobs": len(list((served.state / "blobs/sha256").glob("*/*"))),
            "then": served.upload(LINES * 40).status}))


if __name__ == "__main__":
    main()

"""A job's directory: what dead processes left half written goes, what living ones write stays."""

import os
from pathlib import Path

from pen_backend.engine.jobs.directory import JobDirectory
from pen_backend.files import Disk

DEAD = 999_999_999


def test_an_order_is_written_into_a_swept_directory(tmp_path: Path) -> None:
    for name in (f"spec.json.tmp-{DEAD}", f"attempt.tmp-{DEAD}", f"result.json.tmp-{os.getppid()}", "events.jsonl"):
        (tmp_path / name).write_text("half")

    JobDirectory(tmp_path, Disk()).prepare({})

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "events.jsonl", f"result.json.tmp-{os.getppid()}", "spec.json"]


def test_cleaning_takes_resume_checkpoints_and_half_files_but_no_models(tmp_path: Path) -> None:
    for step in ("step-00000001", "step-00000002"):
        (tmp_path / "ckpt" / step).mkdir(parents=True)
        (tmp_path / "ckpt" / step / "model.safetensors").touch()
        (tmp_path / "ckpt" / step / f"manifest.json.tmp-{DEAD}").touch()
    (tmp_path / f"error.json.tmp-{DEAD}").touch()

    JobDirectory(tmp_path, Disk()).clean(keep={tmp_path / "ckpt" / "step-00000002"})

    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == [
        "ckpt", "ckpt/step-00000002", "ckpt/step-00000002/model.safetensors"]

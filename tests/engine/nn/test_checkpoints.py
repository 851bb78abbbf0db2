import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_backend.engine.nn.checkpoints import (
    newest_checkpoint,
    prune,
    read_checkpoint,
    sweep_temporary,
    write_checkpoint,
)
from pen_backend.files import Disk
from tests.disks import FullDisk, QuickDisk

CALLS = 15


def files(step: int) -> Iterator[tuple[str, bytes]]:
    for name in ("model.safetensors", "optim.safetensors", "state.json"):
        yield name, f"{name} of {step}".encode() * 50


def write(root: Path, step: int, *, public: bool = False, score: float | None = None, whole: bool = True,
          disk: Disk | None = None) -> Path:
    return write_checkpoint(root, step, files(step), public=public, score=score, whole=whole, disk=disk or QuickDisk())


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_checkpoint_appears_whole_and_latest_points_to_it(tmp_path: Path) -> None:
    write(tmp_path, 7)

    assert names(tmp_path) == ["latest", "step-00000007"]
    assert (tmp_path / "latest").read_text() == "step-00000007\n"
    found = newest_checkpoint(tmp_path)
    assert found is not None
    assert (found.step, found.whole, found.public) == (7, True, False)


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_or_a_cut_file_is_found_and_the_one_before_is_used(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    write(tmp_path, 1)
    newest = write(tmp_path, 2)
    victim = chance.choice(sorted(newest.iterdir()))
    content = bytearray(victim.read_bytes())
    place = chance.randrange(len(content))
    if victim.name == "manifest.json" or chance.random() < 0.5:
        content = content[:place]
    else:
        content[place] ^= 1 << chance.randrange(8)
    victim.write_bytes(content)

    assert read_checkpoint(newest) is None
    found = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.step == 1


def test_a_whole_checkpoint_of_the_same_step_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, 3)
    before = (path / "manifest.json").stat().st_ino

    write(tmp_path, 3)

    assert (path / "manifest.json").stat().st_ino == before


def test_a_torn_or_unfinished_one_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, 3, whole=False)
    write(tmp_path, 3, public=True)
    torn = write(tmp_path, 4)
    (torn / "manifest.json").unlink()
    write(tmp_path, 4)

    found = [read_checkpoint(tmp_path / f"step-0000000{step}") for step in (3, 4)]
    assert [(one.public, one.whole) for one in found if one] == [(True, True), (False, True)]


@pytest.mark.parametrize("n", range(1, CALLS + 1))
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_failure_at_any_write_leaves_the_earlier_checkpoint(tmp_path: Path, n: int, error: int) -> None:
    write(tmp_path, 1)
    disk = FullDisk(n, error)

    with pytest.raises(OSError, match=os.strerror(error)):
        write(tmp_path, 2, disk=disk)

    found = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.step in (1, 2)
    assert not [name for name in names(tmp_path) if ".tmp-" in name]
    assert newest_checkpoint(tmp_path) == found
    write(tmp_path, 2)
    assert read_checkpoint(tmp_path / "step-00000002") is not None


def test_every_write_of_a_checkpoint_was_tried(tmp_path: Path) -> None:
    disk = FullDisk(10_000)
    write(tmp_path, 1)
    write(tmp_path, 2, disk=disk)

    assert disk.calls == CALLS


def test_the_last_two_the_best_and_the_public_ones_are_kept(tmp_path: Path) -> None:
    write(tmp_path, 1, score=1.0)
    write(tmp_path, 2, public=True)
    for step in range(3, 7):
        write(tmp_path, step, score=2.0 + step)

    prune(tmp_path, Disk())

    assert names(tmp_path) == ["latest", *(f"step-0000000{step}" for step in (1, 2, 5, 6))]


def test_an_older_public_one_is_a_plain_model_and_valid(tmp_path: Path) -> None:
    path = write(tmp_path, 1, public=True)
    write(tmp_path, 2)
    write(tmp_path, 3)

    prune(tmp_path, Disk())

    assert names(path) == ["manifest.json", "model.safetensors"]
    found = read_checkpoint(path)
    assert found is not None
    assert not found.resumable


def test_what_somebody_killed_while_thinning_left_goes_with_the_next_prune(tmp_path: Path) -> None:
    class Killed(Disk):
        def remove(self, path: Path) -> None:
            if path.name == "optim.safetensors":
                raise KeyboardInterrupt

    path = write(tmp_path, 1, public=True)
    write(tmp_path, 2)
    write(tmp_path, 3)
    with pytest.raises(KeyboardInterrupt):
        prune(tmp_path, Killed())
    assert "optim.safetensors" in names(path)

    prune(tmp_path, Disk())

    assert names(path) == ["manifest.json", "model.safetensors"]


def test_a_finished_job_keeps_its_models_only(tmp_path: Path) -> None:
    write(tmp_path, 1, score=0.1)
    write(tmp_path, 2, public=True)

    prune(tmp_path, Disk(), keep_last=0)

    assert names(tmp_path) == ["latest", "step-00000002"]
    assert newest_checkpoint(tmp_path) is None


def test_the_guard_is_asked_before_a_checkpoint_becomes_visible(tmp_path: Path) -> None:
    def guard() -> None:
        assert not (tmp_path / "step-00000001").exists()
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_checkpoint(tmp_path, 1, files(1), public=False, disk=Disk(), guard=guard)

    assert names(tmp_path) == []


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "step-00000009.tmp-1").mkdir()
    (tmp_path / "step-00000009.tmp-1" / "manifest.json.tmp-1").touch()
    path = write(tmp_path, 1, public=True)
    (path / "manifest.json.tmp-1").write_text("half")

    sweep_temporary(tmp_path, Disk())

    assert names(tmp_path) == ["latest", "step-00000001"]
    assert names(path) == ["manifest.json", "model.safetensors", "optim.safetensors", "state.json"]

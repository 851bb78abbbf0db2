"""How a build is published: the same bytes everywhere, once, by one rename; nothing half, whatever fails or dies."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pen_backend.dataset.build import build
from pen_backend.dataset.record import Progress
from pen_backend.errors import BusyError, CancelledError, DataError
from pen_backend.files import Disk
from pen_backend.prompts import library
from pen_backend.prompts.sources import Source
from tests.dataset import CONTINUATION, ROWS, Bytes, definition, files, jsonl, puns, questions, rows, run
from tests.disks import FullDisk

PUNS = "\n".join(puns(40))
QUESTIONS = jsonl(questions(40))


def test_the_same_build_is_up_to_date(tmp_path: Path) -> None:
    first = run(tmp_path, PUNS)
    before = {name: (first.directory / name).stat().st_mtime_ns for name in files(first.directory)}
    again = run(tmp_path, PUNS)
    assert again.directory == first.directory
    assert again.report == first.report
    assert {name: (again.directory / name).stat().st_mtime_ns for name in files(again.directory)} == before


@pytest.mark.parametrize(("name", "spoilt"), [
    ("train.jsonl", b"{}\n"), ("valid.jsonl", None), ("manifest.json", None), ("manifest.json", b"{}"),
    ("report.json", b"{}")])
def test_an_edited_build_is_kept_beside_a_new_one(name: str, spoilt: bytes | None, tmp_path: Path) -> None:
    first = run(tmp_path, PUNS)
    before = files(first.directory)
    (first.directory / name).unlink()
    if spoilt is not None:
        (first.directory / name).write_bytes(spoilt)
    edited = files(first.directory)
    again = run(tmp_path, PUNS)
    assert again.directory == first.directory
    assert {one: files(again.directory)[one] for one in ("train.jsonl", "valid.jsonl", "manifest.json")} == {
        one: before[one] for one in ("train.jsonl", "valid.jsonl", "manifest.json")}
    assert files(first.directory.with_name(f"{first.id}.old-1")) == edited


@pytest.mark.parametrize("whole", [True, False])
def test_another_process_may_publish_the_same_build_first(whole: bool, tmp_path: Path) -> None:
    first = run(tmp_path, PUNS)
    first.directory.rename(tmp_path / "other")
    if not whole:
        (tmp_path / "other" / "train.jsonl").write_bytes(b"")

    class Late(Disk):
        def publish(self, temporary: Path, final: Path) -> None:
            if final == first.directory and (tmp_path / "other").exists():
                (tmp_path / "other").rename(final)
            super().publish(temporary, final)

    again = run(tmp_path, PUNS, disk=Late())
    assert (again.id, again.report.examples) == (first.id, first.report.examples)
    assert rows(again.directory, "train")
    assert first.directory.with_name(f"{first.id}.old-1").exists() is not whole
    assert not list((tmp_path / "out").glob("*.tmp-*"))


def test_another_text_seed_share_or_vocabulary_is_another_build(tmp_path: Path) -> None:
    done = [run(tmp_path, PUNS), run(tmp_path, PUNS + "x"), run(tmp_path, PUNS, seed=1),
            run(tmp_path, PUNS, overrides={"valid_share": 0.3})]
    assert len({each.id for each in done}) == 4
    assert (tmp_path / "out" / "latest").resolve() == done[-1].directory.resolve()


def test_rows_that_come_later_move_no_old_ones(tmp_path: Path) -> None:
    run(tmp_path, "\n".join(puns(300)), training="{example: {build: continuation}}")
    grown = run(tmp_path, "\n".join(puns(330)), training="{example: {build: continuation}}")
    assert grown.report.moved == 0


PROGRAM = """
import sys
from pathlib import Path
from tests.dataset import CONTINUATION, run, puns
done = run(Path(sys.argv[1]), "\\n".join(puns(60)), training="{steps: [normalise, {dedupe: {near: 0.7}}], "
           "example: {build: continuation, group-by: {opening: 3}}}", reader_name="org")
print(done.directory)
"""


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes_everywhere(tmp_path: Path) -> None:
    outputs = []
    for number, more in enumerate([{"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
                                   {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"}]):
        where = tmp_path / f"deep {number}" / ("er" * (number + 1))
        where.mkdir(parents=True)
        answer = subprocess.run([sys.executable, "-c", PROGRAM, str(where)], env={**os.environ, **more},
                                cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=True)
        outputs.append(files(Path(answer.stdout.strip())))
    assert outputs[0] == outputs[1]


def test_no_output_names_a_directory_or_a_user(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text(QUESTIONS)
    done = build(definition(tmp_path / "definition", ROWS), sources=[Source(path=str(tmp_path / "mine.jsonl"))],
                 out=tmp_path / "out", encoder=Bytes())
    for name, content in files(done.directory).items():
        assert str(tmp_path).encode() not in content, name
        assert content.endswith(b"\n") or not content
    assert json.loads((done.directory / "manifest.json").read_bytes())["sources"][0]["path"] == "mine.jsonl"


def test_the_manifest_tells_the_files_and_the_format(tmp_path: Path) -> None:
    done = run(tmp_path, PUNS, training="{example: {build: continuation}}")
    manifest = json.loads((done.directory / "manifest.json").read_bytes())
    for output in manifest["outputs"]:
        content = (done.directory / output["name"]).read_bytes()
        assert output["sha256"] == hashlib.sha256(content).hexdigest()
        assert (output["bytes"], output["rows"]) == (len(content), content.count(b"\n"))
    assert [output["name"] for output in manifest["outputs"][:2]] == ["train.jsonl", "valid.jsonl"]
    assert manifest["prompt"] == "puns"
    assert len(manifest["format_hash"]) == 64
    assert manifest["build_id"] == done.id == done.directory.name


TRAINING = "{example: {build: continuation}}"


@pytest.mark.parametrize("forever", [False, True])
def test_a_full_disk_publishes_all_or_nothing_at_every_operation(forever: bool, tmp_path: Path) -> None:
    whole = files(run(tmp_path / "whole", PUNS, training=TRAINING).directory)
    nth, failed = 0, 0
    while True:
        nth += 1
        where = tmp_path / str(nth)
        disk = FullDisk(nth, for_good=forever)
        done = None
        with contextlib.suppress(DataError):
            done = run(where, PUNS, training=TRAINING, disk=disk)
        if done is not None:
            assert disk.calls < nth
            assert files(done.directory) == whole
            break
        failed += 1
        out = where / "out"
        names = [path.name for path in out.iterdir()] if out.exists() else []
        assert not [name for name in names if ".tmp-" in name]
        for name in names:
            assert files(where / "out" / name) == whole
        assert files(run(where, PUNS, training=TRAINING).directory) == whole
    assert failed > 8


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    class Small(Disk):
        def free_bytes(self, path: Path) -> int:
            return 1000

    with pytest.raises(DataError, match="too little space"):
        run(tmp_path, PUNS, disk=Small())
    assert not (tmp_path / "out").exists()


def test_a_cancelled_build_leaves_nothing(tmp_path: Path) -> None:
    seen: list[Progress] = []
    content = "\n".join(puns(600))
    for limit in range(1, 8):
        with pytest.raises(CancelledError):
            build(definition(tmp_path / "definition", CONTINUATION, TRAINING),
                  sources=[Source(text=content, id="region")], out=tmp_path / "out", encoder=Bytes(),
                  progress=seen.append, cancelled=lambda limit=limit: len(seen) >= limit)  # type: ignore[misc] # bound now
        assert not (tmp_path / "out").exists()
        seen.clear()


def test_progress_names_what_is_done(tmp_path: Path) -> None:
    seen: list[Progress] = []
    build(definition(tmp_path / "definition", CONTINUATION, TRAINING), sources=[Source(text=PUNS, id="region")],
          out=tmp_path / "out", encoder=Bytes(), progress=seen.append)
    assert {one.stage for one in seen} == {"records read", "texts compared", "rows written"}


def test_what_a_dead_build_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "out" / "0000.tmp-999999999").mkdir(parents=True)
    run(tmp_path, PUNS)
    assert not list((tmp_path / "out").glob("*.tmp-*"))


def test_the_same_build_twice_at_once_is_refused(tmp_path: Path) -> None:
    def again(at: Progress) -> None:
        run(tmp_path, PUNS)

    with pytest.raises(BusyError):
        build(definition(tmp_path / "definition", CONTINUATION, TRAINING), out=tmp_path / "out", encoder=Bytes(),
              progress=again, sources=[Source.model_validate({"text": PUNS, "id": "region", "reader": "auto"})])


@pytest.mark.slow
@pytest.mark.reliability
def test_a_build_killed_at_any_moment_is_built_again_to_the_same_bytes(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from pen_backend.dataset.build import build
from pen_backend.prompts import library
from tests.dataset import Bytes
where = Path(sys.argv[1])
found = library.find(str(where / "definition.yaml"), project=None, config_dir=None)
print(build(found, out=where / "out", encoder=Bytes(), progress=lambda at: print(at.stage, flush=True)).id, flush=True)
"""
    definition(tmp_path, ROWS, "{sources: [{reader: jsonl, path: rows.jsonl}], steps: [{dedupe: {near: 0.7}}]}")
    (tmp_path / "rows.jsonl").write_text("\n".join(
        json.dumps({"question": f"{text} {number}", "answer": "x"}) for number, text in enumerate(puns(3_000))))
    killed = 0
    for beats in (1, 8, 20, 32):  # lines of progress before the kill
        with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True,
                              cwd=Path(__file__).parents[2]) as process:
            assert process.stdout is not None
            told = [line for _, line in zip(range(beats), process.stdout, strict=False)]
            killed += len(told) == beats
            process.kill()
    assert killed >= 3
    assert not (tmp_path / "out" / "latest").exists()
    found = library.find(str(tmp_path / "definition.yaml"), project=None, config_dir=None)
    done = build(found, out=tmp_path / "out", encoder=Bytes())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([done.id, "latest"])
    other = build(found, out=tmp_path / "other", encoder=Bytes())
    assert files(done.directory) == files(other.directory)

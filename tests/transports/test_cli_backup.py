"""`pen backup` of a running engine, and `pen restore` into another directory."""

import json
from pathlib import Path

import pytest

from pen_backend.service.context import Context
from tests.conftest import LiveEngine, environment
from tests.transports.test_cli import run


@pytest.mark.slow
def test_an_engine_is_backed_up_and_restored_elsewhere(engine: LiveEngine, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    code, out, err = run(engine.context(), "backup", str(file))
    assert (code, out) == (0, f"{file}\n")
    assert err.endswith(" MB\n")

    code, out, err = run(engine.context(), "backup", str(file), "--json")
    assert (code, "is there already" in err) == (1, True)
    assert json.loads(run(engine.context(), "backup", str(file), "--replace", "--json")[1]) == {
        "file": str(file), "bytes": file.stat().st_size}

    code, out, err = run(engine.context(), "restore", str(file))
    assert (code, "Stop it first" in err) == (5, True)

    other = Context(environ=environment(tmp_path), engine_state=tmp_path / "other")
    code, out, err = run(other, "restore", str(file))
    assert code == 0, err
    assert out.startswith("restored ")
    assert out.endswith(f" into {tmp_path / 'other'}\n")
    assert (tmp_path / "other" / "bases" / "two-layer" / "config.json").is_file()
    assert run(other, "restore", str(file))[0] == 5
    told = json.loads(run(other, "restore", str(file), "--replace", "--json")[1])
    bases = engine.state / "bases"
    linked = {str(path.relative_to(bases)) for path in bases.rglob("*") if path.is_symlink()}  # other tests add some
    assert (Path(told["kept"]).parent, len(told["missing"])) == (tmp_path / "other", len(linked))
    try:
        assert run(other, "engine", "start", "--quiet")[0] == 0
        listed = [json.loads(run(context, "models", "list", "--json")[1]) for context in (engine.context(), other)]
        here, there = ({one["id"] for one in models} for models in listed)
        assert here - linked == there >= {"two-layer", "pen-tiny"}
    finally:
        run(other, "engine", "stop")


def test_a_file_that_is_not_there_and_one_that_is_no_backup(tmp_path: Path) -> None:
    context = Context(environ=environment(tmp_path))
    code, out, err = run(context, "restore", str(tmp_path / "none.tar"))
    assert (code, out, "There is no file" in err) == (1, "", True)
    (tmp_path / "notes.txt").write_text("no backup")
    code, out, err = run(context, "restore", str(tmp_path / "notes.txt"))
    assert (code, out, "notes.txt cannot be restored" in err) == (2, "", True)
    assert "Traceback" not in err

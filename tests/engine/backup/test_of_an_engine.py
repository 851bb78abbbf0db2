"""A backup of a running engine, restored elsewhere: its jobs go on there, and here."""

import io
import json
import signal
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.engine.harness import LINES, SCRIPTED, SECONDS, EngineProcess, engine
from tests.engine.scheduler.desk import wait_until

pytestmark = pytest.mark.slow


def restored(backup: Path, state: Path, *more: str, code: int = 0) -> dict[str, object]:
    found = subprocess.run([sys.executable, "-P", "-m", "pen_backend.engine.restore", "--state", str(state), *more,
                            str(backup)], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert found.returncode == code, (found.stdout, found.stderr)
    return dict(json.loads(found.stdout))


def back_up(served: EngineProcess, path: Path) -> Path:
    found = served.request("GET", "/pen/backup")
    assert (found.status, found.headers["content-type"]) == (200, "application/x-tar")
    assert int(found.headers["content-length"]) == len(found.body)
    path.write_bytes(found.body)
    path.chmod(0o600)
    return path


def test_jobs_of_a_running_engine_go_on_from_its_backup(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "first", bases, **SCRIPTED) as first:
        done = first.wait(first.create_job({"steps": 2})["id"])
        job = first.create_job({"steps": 40, "delay": 0.05, "public": [5]})["id"]
        waits = first.create_job({"steps": 1})["id"]
        wait_until(lambda: any(event["data"] and event["data"].get("step", 0) >= 8 for event in first.events(job)))
        backup = back_up(first, tmp_path / "backup.tar")
        told = restored(backup, tmp_path / "second")
        assert (told["jobs"], told["missing"]) == (3, [])
        with engine(tmp_path / "second", bases, **SCRIPTED) as second:
            ended = second.wait(job)
            assert (ended["status"], ended["pen"]["attempt"]) == ("succeeded", 1)
            assert second.wait(waits)["status"] == "succeeded"
            model = done["fine_tuned_model"]
            assert second.get(f"/v1/models/{model}") == first.get(f"/v1/models/{model}")
            assert second.request("POST", "/v1/completions", {"model": model, "prompt": "a"}).status == 200
            steps = [event["data"]["step"] for event in second.events(job)
                     if event["data"] and event["type"] == "metrics"]
            assert steps == sorted(set(steps)) == list(range(1, 41))
            log = (tmp_path / "second" / "jobs" / job / "trainer.log").read_text()
            assert str(tmp_path / "first") not in log
        assert first.wait(job)["status"] == "succeeded"
        assert first.get(f"/v1/files/{done['result_files'][0]}")["bytes"] > 0


def test_a_backup_has_no_token_and_no_log(served: EngineProcess, tmp_path: Path) -> None:
    data = back_up(served, tmp_path / "backup.tar").read_bytes()
    assert served.token.encode() not in data
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert not [name for name in archive.getnames() if "log" in Path(name).suffix or "engine" in name]
    wait_until(lambda: not list((served.state / "tmp").glob("backup-*")))


def test_a_backup_that_nobody_waits_for_any_more_is_let_go(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "engine", bases, **SCRIPTED, record=False) as served:
        served.upload(LINES * 4000)  # more than the system's buffers hold
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(f"GET /pen/backup HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
                           f"Authorization: Bearer {served.token}\r\n\r\n".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200")
            assert list((served.state / "tmp").glob("backup-*"))
        wait_until(lambda: not list((served.state / "tmp").glob("backup-*")))
        assert served.upload(LINES).status == 200


def test_a_killed_engine_leaves_no_backup_behind(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "engine", bases, **SCRIPTED) as served:
        left = served.state / "tmp" / "backup-x.tmp-999999999"
        (left / "jobs").mkdir(parents=True)
        (left / "jobs" / "x").write_text("x")
        served.kill()
        served.start()
        assert not left.exists()


def test_an_engine_and_its_trainers_keep_a_store_from_being_replaced(tmp_path: Path, bases: Path) -> None:
    with engine(tmp_path / "engine", bases, **SCRIPTED) as served:
        backup = back_up(served, tmp_path / "backup.tar")
        found = restored(backup, served.state, "--replace", code=5)
        assert "An engine uses" in str(found["error"])
        assert served.request("POST", "/pen/backup").status == 405
        assert served.request("GET", "/pen/backup?all=1").status == 400
        assert served.process is not None
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(SECONDS)
        (served.state / "restoring").touch()
        with pytest.raises(AssertionError, match="A restore of this store was cut off"):
            served.start()
        assert restored(backup, served.state)["kept"] is not None
        served.start()

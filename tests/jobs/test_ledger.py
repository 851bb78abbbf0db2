from pathlib import Path

import pytest

from pen_backend.errors import DataError
from pen_backend.files import Disk
from pen_backend.jobs.ledger import Entry, Ledger


def entry(job: str, at: int, *, prompt: str = "pun-complete", status: str = "succeeded", model: str | None = None,
          provider: str = "local") -> Entry:
    tuned = model if model is not None else f"ft:pen-tiny:local::{job}"
    return Entry(job, provider, "pen-tiny", prompt=prompt, created_at=at, status=status, fine_tuned_model=tuned)


def test_what_is_remembered_is_there_in_another_process(tmp_path: Path) -> None:
    Ledger(tmp_path / "jobs").remember(entry("ftjob-1", 1))
    assert Ledger(tmp_path / "jobs").find("ftjob-1") == entry("ftjob-1", 1)
    assert Ledger(tmp_path / "jobs").find("ftjob-2") is None


def test_the_newest_succeeded_job_of_a_definition_gives_its_model(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for each in (entry("a", 1), entry("b", 3), entry("c", 4, status="failed"), entry("d", 5, prompt="other"),
                 entry("e", 6, provider="api.openai.com")):
        ledger.remember(each)
    assert ledger.newest_model("pun-complete", provider="local") == "ft:pen-tiny:local::b"
    assert ledger.newest_model("pun-complete") == "ft:pen-tiny:local::e"
    assert ledger.newest_model("nothing") is None


def test_a_model_and_its_checkpoints_know_their_definition(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.remember(entry("a", 1, model="ft:x"))
    found = [ledger.entry_of(name) for name in ("ft:x", "ft:x:ckpt-step-3", "ft:xy")]
    assert [each and each.prompt for each in found] == ["pun-complete", "pun-complete", None]


def test_a_job_that_was_seen_is_brought_up_to_date(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.remember(entry("a", 1, status="running"))
    ledger.saw({"id": "a", "status": "succeeded", "fine_tuned_model": "ft:new", "finished_at": 9})
    ledger.saw({"id": "unknown", "status": "running"})
    assert ledger.newest_model("pun-complete") == "ft:new"
    assert len(ledger.entries()) == 1


def test_the_newest_job_that_was_seen_training_gives_the_rate_of_its_base(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for each in (entry("a", 1), entry("b", 2), entry("c", 3)):
        ledger.remember(each)
    ledger.saw({"id": "a", "status": "succeeded"}, 100.0)
    ledger.saw({"id": "b", "status": "running"}, 200.0)
    ledger.saw({"id": "b", "status": "succeeded"})
    assert ledger.rate("pen-tiny") == 200.0
    assert ledger.rate("another") is None


def test_the_last_loss_that_was_seen_is_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.remember(entry("a", 1))
    ledger.saw({"id": "a", "status": "running"}, loss=2.5)
    ledger.saw({"id": "a", "status": "succeeded"})
    found = ledger.find("a")
    assert found is not None
    assert found.loss == 2.5


def test_a_torn_file_is_passed_over(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.remember(entry("a", 1))
    (tmp_path / "b.json").write_text('{"job": "b"')
    (tmp_path / "c.json").write_text("[]")
    assert [each.job for each in ledger.entries()] == ["a"]


def test_a_full_disk_leaves_the_earlier_entry(tmp_path: Path) -> None:
    class Full(Disk):
        def write(self, path: Path, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    Ledger(tmp_path).remember(entry("a", 1))
    with pytest.raises(OSError, match="No space"):
        Ledger(tmp_path, Full()).remember(entry("a", 2))
    assert Ledger(tmp_path).find("a") == entry("a", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("job", ["", "../x", "a/b", "a.b", "x\0"])
def test_an_id_never_leaves_the_directory(tmp_path: Path, job: str) -> None:
    with pytest.raises(DataError):
        Ledger(tmp_path).find(job)

import json
from pathlib import Path

from pen_backend.engine.nn.journal import Journal, read_events
from pen_backend.files import Disk


def journal(path: Path, attempt: int = 1) -> Journal:
    return Journal(path, attempt=attempt, disk=Disk(), clock=lambda: 12.5)


def test_an_event_has_all_fields(tmp_path: Path) -> None:
    journal(tmp_path / "e").write("message", "Hé", step=3, level="warning")

    assert json.loads((tmp_path / "e").read_bytes()) == {
        "seq": 1, "time": 12.5, "attempt": 1, "step": 3, "kind": "message", "level": "warning", "message": "Hé",
        "data": None}


def test_a_torn_last_line_is_cut_and_seq_has_no_gap(tmp_path: Path) -> None:
    journal(tmp_path / "e").write("message", "one", step=1)
    with (tmp_path / "e").open("ab") as stream:
        stream.write(b'{"seq": 2, "ti')

    journal(tmp_path / "e", attempt=2).write("message", "two", step=2)

    events, size = read_events(tmp_path / "e")
    assert [(event["seq"], event["attempt"]) for event in events] == [(1, 1), (2, 2)]
    assert size == (tmp_path / "e").stat().st_size


def test_zeros_left_by_a_power_cut_are_cut(tmp_path: Path) -> None:
    journal(tmp_path / "e").write("message", "one", step=1)
    with (tmp_path / "e").open("ab") as stream:
        stream.write(b"\0" * 40 + b"\n")

    journal(tmp_path / "e").write("message", "two", step=2)

    assert [event["seq"] for event in read_events(tmp_path / "e")[0]] == [1, 2]


def test_it_knows_which_public_checkpoints_were_told(tmp_path: Path) -> None:
    first = journal(tmp_path / "e")
    first.write("checkpoint", "", step=3, data={"public": True})
    first.write("checkpoint", "", step=4, data={"public": False})

    assert journal(tmp_path / "e").published == {3}

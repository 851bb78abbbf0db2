import os
import subprocess
import sys
from pathlib import Path

from pen_backend.files import Disk, expanded, keep_tail, process_start_time, sweep


def test_a_process_that_is_gone_or_a_zombie_has_no_start_time() -> None:
    assert process_start_time(os.getpid()) is not None
    assert process_start_time(2**22 + 1) is None
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped
        assert process_start_time(child.pid) is None
    finally:
        child.communicate()


def test_what_a_process_left_is_removed_though_nobody_has_buried_it(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped
        for owner in (child.pid, os.getpid()):
            (tmp_path / f"a.tmp-{owner}").mkdir()
        assert sweep(tmp_path, Disk()) == [tmp_path / f"a.tmp-{child.pid}"]
        assert [path.name for path in tmp_path.iterdir()] == [f"a.tmp-{os.getpid()}"]
    finally:
        child.communicate()


def test_the_home_of_somebody_unknown_is_a_plain_name() -> None:
    assert expanded("~/notes") == Path.home() / "notes"
    assert expanded("~nobody-of-this-name/notes") == Path("~nobody-of-this-name/notes")


def test_a_long_log_keeps_its_last_whole_lines_and_is_still_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as stream:
        stream.write(b"".join(b"line %d\n" % number for number in range(1000)))
        assert not keep_tail(log, 100_000)
        assert keep_tail(log, 1000)
        stream.write(b"after\n")
    lines = log.read_text().splitlines()
    first = int(lines[1].removeprefix("line "))
    assert lines == ["[what stood here before was cut off]", *(f"line {one}" for one in range(first, 1000)), "after"]
    assert 940 < first < 960
    assert not keep_tail(tmp_path / "none.log", 1000)

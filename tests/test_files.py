import os
import subprocess
import sys
from pathlib import Path

from pen_backend.files import expanded, process_start_time


def test_a_process_that_is_gone_or_a_zombie_has_no_start_time() -> None:
    assert process_start_time(os.getpid()) is not None
    assert process_start_time(2**22 + 1) is None
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped
        assert process_start_time(child.pid) is None
    finally:
        child.communicate()


def test_the_home_of_somebody_unknown_is_a_plain_name() -> None:
    assert expanded("~/notes") == Path.home() / "notes"
    assert expanded("~nobody-of-this-name/notes") == Path("~nobody-of-this-name/notes")

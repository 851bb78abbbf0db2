"""What tests look at of other processes."""

import time

from pen_backend.files import process_start_time

LEAVING = 5.0  # seconds in which the service has gone after its Emacs, however Emacs ended


def wait_until_gone(pid: int, seconds: float = LEAVING) -> None:
    """Wait until a process has ended, whoever is to bury it; SECONDS at most."""
    deadline = time.monotonic() + seconds
    while process_start_time(pid) is not None:
        assert time.monotonic() < deadline, f"process {pid} goes on after {seconds} s"
        time.sleep(0.005)

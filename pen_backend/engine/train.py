"""The trainer: files in, files out, no network, no database (engine.md section 4).

    python -P -m pen_backend.engine.train JOBDIR [--check]

TERM or INT finishes the step, writes a checkpoint and leaves with 75; started again, it goes on from there.
"""

import argparse
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pen_backend.engine.nn.outcome import Exit, Stop, Stopped, TrainingError, from_exception, rank_from_environment
from pen_backend.files import Disk, take_lock, write_atomic

if TYPE_CHECKING:
    from pen_backend.engine.nn.device import Precision

LOCK_SECONDS = 5.0


def run_job(jobdir: Path, *, attempt: int, disk: Disk, stop: Stop, precision: "Precision | None" = None) -> Exit:
    """Train the job in JOBDIR to its end, a stop or a failure; leave result.json or error.json."""
    if rank_from_environment():
        return help_job(jobdir, attempt=attempt, disk=disk, stop=stop, precision=precision)
    lock = lock_job(jobdir)
    if lock is None:
        print("another trainer works in this directory", file=sys.stderr)
        return Exit.STOPPED
    try:
        if not (jobdir / "result.json").exists():
            disk.remove(jobdir / "error.json")
            _train(jobdir, attempt, disk, stop, precision)
        finish(jobdir, disk)
    except Stopped:
        note_stop(jobdir, attempt, disk)
        return Exit.STOPPED
    except Exception as error:
        return fail(jobdir, error, disk)
    finally:
        os.close(lock)
    return Exit.DONE


def help_job(jobdir: Path, *, attempt: int, disk: Disk, stop: Stop, precision: "Precision | None" = None) -> Exit:
    """Train along with the process that runs the job; that one alone writes."""
    try:
        if not (jobdir / "result.json").exists():
            _train(jobdir, attempt, disk, stop, precision)
    except Stopped:
        return Exit.STOPPED
    except Exception as error:
        print(from_exception(error), file=sys.stderr)
        return from_exception(error).exit
    return Exit.DONE


def check_job(jobdir: Path, *, disk: Disk) -> Exit:
    """Write check.json: what the job would train on, or why it cannot; nothing is trained, torch is not loaded."""
    from pen_backend.engine.nn.check import check, check_failure
    from pen_backend.engine.nn.spec import read_spec

    try:
        write_atomic(jobdir / "check.json", _json(check(read_spec(jobdir / "spec.json"))), disk)
    except TrainingError as error:
        write_atomic(jobdir / "check.json", _json(check_failure(error)), disk)
        return fail(jobdir, error, disk)
    except Exception as error:
        return fail(jobdir, error, disk)
    return Exit.DONE


def _train(jobdir: Path, attempt: int, disk: Disk, stop: Stop, precision: "Precision | None") -> None:
    from pen_backend.engine.nn.journal import Journal, NoJournal
    from pen_backend.engine.nn.results import write_results
    from pen_backend.engine.nn.spec import read_spec

    spec = read_spec(jobdir / "spec.json")
    guard = superseded_guard(jobdir, attempt)
    guard()
    from pen_backend.engine.nn.trainer import train

    stop.loading = False
    first = rank_from_environment() == 0
    journal = Journal(jobdir / "events.jsonl", attempt=attempt, disk=disk) if first else NoJournal()
    try:
        result = train(spec, jobdir, journal, disk=disk, stop=stop, guard=guard, precision=precision)
        journal.sync()
    finally:
        journal.close()
    if not first:
        return
    write_results(jobdir, disk)
    guard()
    write_atomic(jobdir / "result.json", _json(result), disk)


def finish(jobdir: Path, disk: Disk) -> None:
    """Leave of a finished job's checkpoints the public ones, as plain models; if that fails, it is still finished."""
    from pen_backend.engine.nn.checkpoints import prune

    try:
        prune(jobdir / "ckpt", disk, keep_last=0)
    except OSError as error:
        print(f"checkpoints no longer needed could not be removed: {error.strerror}", file=sys.stderr)


def superseded_guard(jobdir: Path, attempt: int) -> Callable[[], None]:
    """Make the check that this is still the job's newest attempt; a shared file system may not honour locks."""
    def guard() -> None:
        try:
            newest = int((jobdir / "attempt").read_text())
        except (OSError, ValueError):
            return
        if newest > attempt:
            print(f"attempt {newest} has taken over from attempt {attempt}", file=sys.stderr)
            raise Stopped
    return guard


def note_stop(jobdir: Path, attempt: int, disk: Disk) -> None:
    """Leave a note that the trainer left as it was asked to; only who started it can read its exit status."""
    try:
        superseded_guard(jobdir, attempt)()
        write_atomic(jobdir / "stopped.json", _json({"attempt": attempt}), disk)
    except Stopped:
        return
    except OSError as error:
        print(f"stopped.json could not be written: {error.strerror}", file=sys.stderr)


def lock_job(jobdir: Path, *, seconds: float = LOCK_SECONDS) -> int | None:
    """Take the job's lock; wait a little for a trainer that is leaving, then give up."""
    descriptor = os.open(jobdir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + seconds
    while not take_lock(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(0.1)
    return descriptor


def fail(jobdir: Path, error: Exception, disk: Disk) -> Exit:
    """Write error.json, if the disk still takes it, and return the exit code."""
    failure = from_exception(error)
    if failure.exit in (Exit.UNEXPECTED, Exit.BUG):
        traceback.print_exception(error)
    else:
        print(failure, file=sys.stderr)
    try:
        write_atomic(jobdir / "error.json", _json(failure.to_json()), disk)
    except OSError as full:
        print(f"error.json could not be written: {full.strerror}", file=sys.stderr)
    return failure.exit


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the trainer from the command line."""
    parser = argparse.ArgumentParser(prog="python -m pen_backend.engine.train", description=__doc__)
    parser.add_argument("jobdir", type=Path)
    parser.add_argument("--check", action="store_true", help="check the job and write check.json, without training")
    options = parser.parse_args(arguments)
    if not options.jobdir.is_dir():
        parser.error(f"{options.jobdir} is not a directory")
    os.umask(0o077)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    # Threads that wait spin by default, at the price of whoever else wants the core. Measured on two cores: 8 % slower
    # when nothing else runs, and up to five times as fast when two other programs do.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    stop = Stop(loading=True)
    jobdir = options.jobdir.resolve()
    attempt = int(os.environ.get("PEN_ATTEMPT", "1"))

    def ask_to_stop(_number: int, _frame: object) -> None:
        stop.requested = True
        if stop.loading:  # libraries take seconds to load; nothing has begun that could not be left at once
            if not options.check and not rank_from_environment():
                note_stop(jobdir, attempt, Disk())
            os._exit(Exit.STOPPED)

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    if options.check:
        return check_job(jobdir, disk=Disk())
    from pen_backend.engine.nn.device import keep_memory  # torch takes seconds to load

    keep_memory()
    return run_job(jobdir, attempt=attempt, disk=Disk(), stop=stop)


if __name__ == "__main__":
    sys.exit(main())

"""The program that makes a backup a store: python -P -m pen_backend.engine.restore --state DIR [--replace] FILE.

Prints one JSON object: what was restored, or `error` as its caller is to raise it.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pen_backend.engine.backup.judging import judge
from pen_backend.engine.backup.placing import busy_job, is_empty, place, was_cut_off
from pen_backend.engine.backup.unpacking import unpack
from pen_backend.engine.store.lock import held
from pen_backend.errors import ConfigError, NotFoundError, PenError, RefusedError, StartError
from pen_backend.files import Disk, sweep, temporary_name

SPARE_BYTES = 16 << 20


def restore(archive: Path, directory: Path, disk: Disk, *, replace: bool = False) -> dict[str, Any]:
    """Make ARCHIVE the store of DIRECTORY; everything is checked before anything that is there changes.

    RefusedError if the store is in use, or not empty and not to be REPLACEd; else as `unpack` and `judge` raise.
    """
    if not archive.is_file():
        raise NotFoundError(f"There is no file {archive}.", hint="Name a file that `pen backup` has written.")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with held(directory):
            return _restore(archive, directory, disk, replace)
    except StartError as error:
        raise RefusedError(f"An engine uses {directory}.", hint="Stop it first: `pen engine stop`.") from error
    except OSError as error:
        raise ConfigError(f"{directory} cannot be written: {error.strerror}.",
                          hint="Make room there, or name another --state.") from error


def _restore(archive: Path, directory: Path, disk: Disk, replace: bool) -> dict[str, Any]:
    if (job := busy_job(directory)) is not None:
        raise RefusedError(f"A trainer still works on the job {job} in {directory}.",
                           hint="Start the engine, pause the job, and stop the engine.")
    if not replace and not is_empty(directory) and not was_cut_off(directory):
        raise RefusedError(f"The store in {directory} is not empty.",
                           hint="Name another --state, or keep what is there aside with --replace.")
    size, free = archive.stat().st_size, disk.free_bytes(directory)
    if size + SPARE_BYTES > free:
        raise ConfigError(f"The backup needs {(size + SPARE_BYTES) / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free "
                          f"in {directory}.", hint="Make room there, or name another --state.")
    sweep(directory, disk)
    unpacked = temporary_name(directory / "restored")
    disk.remove(unpacked)
    try:
        unpacked.mkdir(mode=0o700)
        about = unpack(archive, unpacked, disk)
        judged = judge(unpacked, about, directory, disk)
        kept = place(unpacked, directory, disk)
    finally:
        disk.remove(unpacked)
    return {"state": str(directory), "jobs": judged.jobs, "models": judged.models, "files": judged.files,
            "bytes": size, "created_at": about.get("created_at"), "missing": list(judged.missing),
            "kept": None if kept is None else str(kept)}


def main(arguments: Sequence[str] | None = None, *, disk: Disk | None = None) -> int:
    """Restore, and print what was."""
    parser = argparse.ArgumentParser(prog="python -m pen_backend.engine.restore", description=__doc__)
    parser.add_argument("archive", type=Path, metavar="FILE")
    parser.add_argument("--state", type=Path, required=True, help="the store's directory")
    parser.add_argument("--replace", action="store_true", help="keep a store that is there aside")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        found = restore(options.archive.absolute(), options.state.absolute(), disk or Disk(), replace=options.replace)
    except PenError as error:
        print(json.dumps({"error": {"kind": error.kind, "message": error.message, "hint": error.hint,
                                    "where": error.where}}))
        return error.exit_code
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

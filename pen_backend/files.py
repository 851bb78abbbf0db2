"""Write, sync and publish files durably.

A reader sees the old content or the new, never a mix. `Disk` is the seam where tests let a disk be full or fail:
whoever writes something that must survive takes a `Disk` as an argument (reliability.md, F1). Files name the
processes that own them, so what tells a process from a later one of the same id is here, too.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


class Disk:
    """The few operations durable writing is made of. Stateless; tests subclass it to fail at the n-th call.

    Raises OSError as the system does (ENOSPC, EIO, …). A failed sync means the file is lost: the caller starts over
    with a new temporary file and never syncs the same one again.
    """

    def write(self, path: Path, data: bytes) -> None:
        """Create or overwrite PATH with DATA and sync it; private to the user."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            self.sync(stream.fileno())

    def append(self, descriptor: int, data: bytes) -> None:
        """Append DATA to an open descriptor, all of it."""
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view):]

    def sync(self, descriptor: int) -> None:
        """Force an open file's content to the disk."""
        os.fsync(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Force the names in a directory to the disk, so that a rename survives a power cut."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def publish(self, temporary: Path, final: Path) -> None:
        """Give a finished file or directory its final name by one rename, durably."""
        os.replace(temporary, final)  # noqa: PTH105 - Path.replace is the same call; this is the name the contract uses
        self.sync_directory(final.parent)

    def reserve(self, path: Path, count: int) -> None:
        """Create PATH with COUNT bytes of room that nobody else can use; private to the user."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, count)
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file or a directory tree; it may be absent."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def free_bytes(self, path: Path) -> int:
        """Count the bytes an unprivileged writer may still use on PATH's file system."""
        return shutil.disk_usage(path).free


def expanded(path: str | Path) -> Path:
    """Write out the home that a path begins with (`~`, `~NAME`); somebody unknown has none, and the ~ is a name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def standing(path: Path) -> Path:
    """Return PATH, or the nearest directory above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def instead_of_file(path: Path) -> str | None:
    """Say what stands where a file should; None if it is a file, or if nothing stands there."""
    if path.is_dir():
        return "is a directory"
    return "is not a regular file" if path.exists() and not path.is_file() else None


def advice_on_reading(error: OSError) -> str:
    """Say what to do about a file that is there and cannot be read."""
    return "Check who may read it." if isinstance(error, PermissionError) else "Copy it to a disk that works."


def temporary_name(final: Path) -> Path:
    """Name the temporary neighbour of FINAL; the process id lets a later start sweep what a dead process left."""
    return final.with_name(f"{final.name}.tmp-{os.getpid()}")


def write_atomic(final: Path, data: bytes, disk: Disk) -> None:
    """Replace FINAL by DATA: temporary file, sync, rename, sync of the directory."""
    temporary = temporary_name(final)
    try:
        disk.write(temporary, data)
        disk.publish(temporary, final)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def keep_tail(path: Path, limit: int) -> bool:
    """Cut a log that has grown over LIMIT bytes to its last whole lines, half of that; say whether it had.

    It stays the same file, which others may append to; what they write in this very moment may be lost.
    """
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limit:
            stream.seek(size - limit // 2)
            tail = stream.read().partition(b"\n")[2]
            stream.seek(0)
            stream.write(b"[what stood here before was cut off]\n" + tail)
            stream.truncate()
            return True
    return False


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes that lock DIRECTORY out, and wait for them; a lock goes with its process."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def take_lock(descriptor: int) -> bool:
    """Lock an open file, unless another process has; say whether it is locked. The lock goes with the process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep(directory: Path, disk: Disk) -> list[Path]:
    """Remove `*.tmp-PID` entries of processes that are gone; return what was removed."""
    removed = []
    for entry in sorted(directory.glob("*.tmp-*")):
        pid = entry.name.rpartition("-")[2]
        if pid.isdigit() and process_start_time(int(pid)) is None:
            disk.remove(entry)
            removed.append(entry)
    return removed


def process_start_time(pid: int) -> int | None:
    """Read when a process started, in the kernel's ticks; None if it is gone or only waits to be buried."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = content.rpartition(")")[2].split()  # the command's name may hold spaces and parentheses
    return int(fields[19]) if len(fields) > 19 and fields[0] not in ("Z", "X") else None

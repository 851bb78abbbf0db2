"""How much memory new processes can have: what the machine has free, within what this process's group may use."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
UNLIMITED = 1 << 60  # version 1 writes a number near 2^63 for no limit


def available_memory(root: Path = ROOT) -> int | None:
    """Read how much memory new processes can have; None where the system does not say."""
    known = [count for count in (_machine(root), *_groups(root)) if count is not None]
    return min(known) if known else None


def _machine(root: Path) -> int | None:
    return _field(root / "proc/meminfo", "MemAvailable:", 1024)


def _groups(root: Path) -> Iterator[int]:
    """Count what each control group around this process leaves; its file cache can be given up."""
    for line in _lines(root / "proc/self/cgroup"):
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0":
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            mount = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        inside = mount / path.lstrip("/")
        for group in (inside, *inside.parents):
            if not group.is_relative_to(mount):
                break
            most, used = (_number(group / name) for name in names[:2])
            if most is not None and used is not None and most < UNLIMITED:
                yield max(0, most - used + (_field(group / "memory.stat", names[2], 1) or 0))


def _field(path: Path, name: str, unit: int) -> int | None:
    for line in _lines(path):
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdigit():
            return int(words[1]) * unit
    return None


def _number(path: Path) -> int | None:
    text = "".join(_lines(path)).strip()
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []

"""Memory is what the machine has free, and no more than a container lets this process have."""

from pathlib import Path

import pytest

from pen_backend.engine.scheduler.memory import available_memory

FREE = 8_000_000 * 1024


def system(root: Path, cgroup: str, **files: str) -> Path:
    write(root / "proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n")
    write(root / "proc/self/cgroup", cgroup)
    for name, text in files.items():
        write(root / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", "."), text)
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(("cgroup", "files", "expected"), [
    ("0::/\n", {}, FREE),
    ("0::/\n", {"memory_dot_max": "max\n", "memory_dot_current": "5\n"}, FREE),
    ("0::/a/b\n", {"a__memory_dot_max": "3000000\n", "a__memory_dot_current": "1000000\n",
                   "a__memory_dot_stat": "anon 1\ninactive_file 400000\n"}, 2_400_000),
    ("0::/a\n", {"a__memory_dot_max": "1000\n", "a__memory_dot_current": "2000\n"}, 0),
    ("4:memory:/x\n0::/\n", {"memory__x__memory_dot_limit_in_bytes": "5000\n",
                             "memory__x__memory_dot_usage_in_bytes": "2000\n"}, 3000),
    ("4:memory:/x\n", {"memory__x__memory_dot_limit_in_bytes": "9223372036854771712\n",
                       "memory__x__memory_dot_usage_in_bytes": "2000\n"}, FREE),
    ("nonsense\n", {}, FREE),
])
def test_the_smallest_limit_around_counts(tmp_path: Path, cgroup: str, files: dict[str, str], expected: int) -> None:
    assert available_memory(system(tmp_path, cgroup, **files)) == expected


def test_a_system_that_does_not_say_is_not_guessed_at(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None


def test_this_machine_says() -> None:
    assert (available_memory() or 0) > 1_000_000

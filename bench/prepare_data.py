"""prepare_data of openai 2.34.0, the last release that had it, as a peer of the data benchmarks.

It is installed once from the package index into a virtual environment of its own, below build/, and run by its own
command line. It counts no tokens, and dies on a row of more than 10,000 characters if an equal row stands before it.
"""

import json
import subprocess
import sys
import venv
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "build/bench/prepare_data"
REQUIREMENT = "openai[datalib]==2.34.0"
LONGEST = 10_000  # characters of a row that it can finish with
DEADLINE = 600.0


def command(rows: str) -> list[str] | None:
    """Return the command that prepares a file of rows, installed if need be; None without the package index."""
    done = HOME / REQUIREMENT.replace("/", "-")
    if not done.exists():
        venv.create(HOME, clear=True, with_pip=True)
        answer = subprocess.run([HOME / "bin/python", "-m", "pip", "install", "--quiet", REQUIREMENT], check=False,
                                text=True, stderr=subprocess.PIPE, timeout=DEADLINE)
        if answer.returncode:
            print(f"{REQUIREMENT} cannot be installed; its figures are left out: {answer.stderr[-300:]}",
                  file=sys.stderr)
            return None
        done.touch()
    return [str(HOME / "bin/openai"), "tools", "fine_tunes.prepare_data", "-f", rows, "-q"]


def write_rows(jokes: Iterable[Mapping[str, str]], target: Path) -> int:
    """Write the jokes that it can finish as prompts (titles) and completions (bodies); return how many they are."""
    count = 0
    with target.open("w", encoding="utf-8") as stream:
        for joke in jokes:
            if len(joke["title"]) + len(joke["body"]) <= LONGEST:
                row = {"prompt": joke["title"], "completion": joke["body"]}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
    return count

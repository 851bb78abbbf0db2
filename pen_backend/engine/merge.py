"""The program that merges an adapter into its base, apart from the worker, whose streams go on meanwhile.

python -P -m pen_backend.engine.merge BASE ADAPTER OUT
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from pen_backend.engine.nn.outcome import Exit, from_exception
from pen_backend.files import Disk


def main(argv: Sequence[str]) -> int:
    """Merge, and return the exit code of a training program."""
    base, adapter, out = map(Path, argv)
    try:
        from pen_backend.engine.nn.merging import merge

        merge(base, adapter, out, Disk())
    except Exception as error:
        failure = from_exception(error)
        print(failure, file=sys.stderr)
        return failure.exit
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""TRL, as a peer of the training benchmark: Hugging Face's trainer of language models that packs examples.

It is installed once from the package index into a folder of its own, below build/, without its dependencies but those
that pen's environment lacks: what trains is the torch and the transformers that pen trains with.
"""

import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[1] / "build/bench/trl"
# pyarrow 26 cannot be hashed by datasets 5.2 (its MonthDayNano has no module)
REQUIREMENTS = ("trl==1.16.0", "datasets==5.2.0", "pyarrow==24.0.0", "pandas==3.1.1", "python-dateutil==4.0.0",
                "dill==0.4.1", "multiprocess==0.70.19", "xxhash==4.1.0")
DEADLINE = 600.0


def folder() -> Path | None:
    """Return the folder to import it from, installed if need be; None without the package index."""
    done = HOME / "requirements.txt"
    wanted = "".join(f"{requirement}\n" for requirement in REQUIREMENTS)
    if not done.exists() or done.read_text() != wanted:
        answer = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade",
                                 "--target", HOME, *REQUIREMENTS],
                                check=False, text=True, stderr=subprocess.PIPE, timeout=DEADLINE)
        if answer.returncode:
            print(f"TRL cannot be installed; its figures are left out: {answer.stderr[-300:]}", file=sys.stderr)
            return None
        done.write_text(wanted)
    return HOME

"""Run the demo in batch Emacs with a state directory of its own, and stop its engine whatever happens.

Run it: make demo      (or .venv/bin/python -P demo/run.py)
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / "demo" / "state"
BASE = ROOT / "pen_backend" / "engine" / "base" / "pen-tiny"
DEADLINE = 600  # seconds; a machine of two cores needs about two minutes


def environment() -> dict[str, str]:
    """Return the caller's environment without pen's or OpenAI's settings, and with the demo's own directories."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PEN_", "OPENAI_", "XDG_"))}
    places = {"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "log",
              "XDG_CACHE_HOME": "cache", "XDG_RUNTIME_DIR": "run"}
    for variable, folder in places.items():
        directory = STATE / folder
        directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        kept[variable] = str(directory)
    return kept


def pen(arguments: list[str], environ: dict[str, str], deadline: float) -> subprocess.CompletedProcess[str]:
    """Run the command line with ARGUMENTS and return what it said."""
    return subprocess.run([sys.executable, "-P", "-m", "pen_backend", *arguments], env=environ, cwd=ROOT,
                          capture_output=True, text=True, timeout=deadline, check=False)


def stop_engine(environ: dict[str, str]) -> str | None:
    """Stop the demo's engine, found through its own state directory; return what went wrong."""
    try:
        before = pen(["engine", "status", "--json"], environ, 60)
        pid = json.loads(before.stdout).get("pid") if before.returncode == 0 else None
        if pid is None:
            return None
        stopped = pen(["engine", "stop"], environ, 60)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return f"make demo: the engine could not be stopped ({error}); run `pen engine status`."
    if stopped.returncode != 0:
        return f"make demo: the engine {pid} could not be stopped: {stopped.stderr.strip()}"
    print(f"stopped engine {pid}", flush=True)
    return None


def add_untrained_base(environ: dict[str, str]) -> None:
    """Put a model of pen-tiny's shape with random weights beside it, for the comparison."""
    out = Path(environ["XDG_DATA_HOME"]) / "pen" / "bases" / "pen-tiny-untrained"
    program = ["pen_backend.engine.pretrain", "--untrained", "--like", str(BASE), "--out", str(out), "--seed", "7"]
    subprocess.run([sys.executable, "-P", "-m", *program], env=environ, cwd=ROOT, check=True, timeout=120,
                   capture_output=True, text=True)


def main() -> int:
    """Set up, run Emacs, clean up; return an exit status."""
    if not (BASE / "model.safetensors").exists():
        print("make demo: the base model is missing (pen_backend/engine/base/pen-tiny); run `make base`.",
              file=sys.stderr)
        return 1
    environ = environment()
    stop_engine(environ)  # of an earlier demo that was killed
    shutil.rmtree(STATE)
    environ = environment()
    emacs = [os.environ.get("EMACS", "emacs"), "-Q", "--batch", "-L", str(ROOT / "elisp"),
             "-l", str(ROOT / "demo" / "demo.el"), "-f", "pen-demo", "--", sys.executable,
             "terminal" if sys.stdout.isatty() else "file"]
    failed, problem = True, None
    try:
        add_untrained_base(environ)
        status = subprocess.run(emacs, env=environ, cwd=ROOT, timeout=DEADLINE, check=False).returncode
        failed = status != 0
        # With 1, Emacs has said what failed; anything else is an Emacs that could not say it.
        problem = f"make demo: Emacs ended with {status}." if status not in (0, 1) else None
    except subprocess.TimeoutExpired:
        problem = f"make demo: not finished after {DEADLINE} s; is the machine busy?"
    except subprocess.CalledProcessError as error:
        problem = f"make demo: no untrained base: {error.stderr.strip().splitlines()[-1]}"
    except OSError as error:
        problem = f"make demo: {error.filename or 'the system'}: {error.strerror}"
    except KeyboardInterrupt:
        problem = "make demo: interrupted."
    finally:
        left = stop_engine(environ)
    for line in filter(None, (problem, left)):
        print(line, file=sys.stderr)
    return 1 if failed or left else 0


if __name__ == "__main__":
    sys.exit(main())

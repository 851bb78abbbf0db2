"""A key goes from auth-source to the provider and is nowhere else: no log, no message, no command line, no environment.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.elisp.test_ert import ELISP, environment
from tests.scripted_server import ScriptedServer, listing

CANARY = "sk-canary0123456789abcdef"


@pytest.mark.slow
@pytest.mark.parametrize("source", ["auth-source", "environment"])
def test_a_key_is_sent_to_its_provider_and_nowhere_else(source: str, tmp_path: Path) -> None:
    with ScriptedServer(by_path={"/models": listing()}) as server:
        host = server.base_url.split("/")[2]
        name, port = host.split(":")
        environ = environment(tmp_path) | {"PEN_PROVIDER": server.base_url}
        if source == "environment":
            environ["PEN_API_KEY"] = CANARY
        else:
            (tmp_path / "authinfo").write_text(f"machine {name} port {port} login apikey password {CANARY}\n")
        script = f"""(progn
          (require 'pen-rpc-methods)
          (setq pen-python-command "{sys.executable}" auth-sources (list "{tmp_path}/authinfo"))
          (pen-rpc-models-list :deadline 60)
          (condition-case err (pen-rpc-models-show :name "nothing") (error (message "%S" err)))
          (let ((pid (number-to-string (pen-rpc-pid))))
            (dolist (name '("cmdline" "environ"))
              (princ (with-temp-buffer (insert-file-contents-literally (concat "/proc/" pid "/" name))
                                       (concat name (buffer-string))))))
          (dolist (buffer (buffer-list)) (princ (with-current-buffer buffer (buffer-string)))))"""
        done = subprocess.run(
            [os.environ.get("EMACS", "emacs"), "-Q", "--batch", "-L", str(ELISP), "--eval", script],
            env=environ, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=110, check=False)
        assert done.returncode == 0, done.stderr.decode()
        sent = [request.headers.get("authorization") for request in server.requests]
    assert sent
    assert set(sent) == {f"Bearer {CANARY}"}
    before, _, after = done.stdout.partition(b"environ")
    assert b"pen_backend" in before
    if source == "environment":  # what a process began with stays readable by its own user alone
        after = after.replace(f"PEN_API_KEY={CANARY}".encode(), b"")
    assert CANARY.encode() not in before + after + done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "authinfo"]
    assert [path for path in written if CANARY.encode() in path.read_bytes()] == []

"""Models of others become bases: a folder by a link, one of the hub by a download; nothing half, no code."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from pen_backend.errors import BadParamsError, ConfigError, DataError, NotFoundError, RefusedError, UpstreamError
from pen_backend.files import Disk
from pen_backend.service import bases
from pen_backend.service.models import Models
from tests.conftest import LiveEngine

FILES = {"config.json": b"{}", "model.safetensors": b"weights", "tokenizer.json": b"{}", "modeling_x.py": b"import os",
         "pytorch_model.bin": b"pickle"}


class Shelf:
    """A hub of one model, which may break off."""

    def __init__(self, files: Mapping[str, bytes] = FILES, *, breaks: bool = False) -> None:
        self._files = files
        self._breaks = breaks

    def files(self, name: str) -> Mapping[str, int]:
        return {file: len(content) for file, content in self._files.items()}

    def fetch(self, name: str, files: Sequence[str], out: Path) -> None:
        out.mkdir()
        for file in files:
            (out / file).write_bytes(self._files[file])
            if self._breaks:
                raise OSError("the network is down")


def folder(path: Path, *names: str) -> Path:
    path.mkdir(parents=True)
    for name in names or ("config.json", "model.safetensors"):
        (path / name).write_bytes(b"{}")
    return path


def test_a_folder_is_linked_under_its_own_name_or_another(tmp_path: Path) -> None:
    model, home = folder(tmp_path / "my-model"), tmp_path / "bases"
    assert bases.link(str(model), None, home) == "my-model"
    assert (home / "my-model").resolve() == model
    assert bases.link(str(model), "us/other", home) == "us/other"
    assert (home / "us" / "other" / "config.json").exists()
    with pytest.raises(ConfigError, match="already"):
        bases.link(str(model), None, home)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b/c", ".x", "", "a b", "x.tmp-1", "a" * 200])
def test_a_name_is_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadParamsError, match="cannot be"):
        bases.link(str(folder(tmp_path / "m")), name or " ", tmp_path / "bases")


def test_what_is_no_model_without_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        bases.link(str(tmp_path / "absent"), None, tmp_path / "bases")
    with pytest.raises(DataError, match="safetensors"):
        bases.link(str(folder(tmp_path / "a", "config.json", "pytorch_model.bin")), None, tmp_path / "bases")
    with pytest.raises(DataError, match="program code"):
        bases.link(str(folder(tmp_path / "b", "config.json", "model.safetensors", "x.py")), None, tmp_path / "bases")
    with pytest.raises(DataError, match="other weights are never read"):
        bases.wanted({"config.json": 1, "pytorch_model.bin": 9}, "org/m")


def test_a_download_is_whole_or_not_there_and_has_no_code(tmp_path: Path) -> None:
    home, files = tmp_path / "bases", list(bases.wanted(Shelf().files("org/m"), "org/m"))
    with pytest.raises(OSError, match="down"):
        bases.download("org/m", None, files, home, Shelf(breaks=True), Disk())
    assert list((home / "org").iterdir()) == []
    assert bases.download("org/m", None, files, home, Shelf(), Disk()) == "org/m"
    assert {path.name for path in (home / "org" / "m").iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json"}


def test_a_name_of_the_hub_is_told_from_a_folder(tmp_path: Path) -> None:
    assert bases.is_hub_id("org/model-1.5")
    assert not bases.is_hub_id(str(folder(tmp_path / "m")))
    assert not bases.is_hub_id("./model")
    assert not bases.is_hub_id("model")


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as its library asks for."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        _, *parts = self.path.partition("?")[0].split("/")
        if parts[:4] == ["api", "models", "org", "m"] and "tree" in parts:
            tree = [{"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                    for name, content in FILES.items()]
            self._send(json.dumps(tree).encode(), "application/json")
        elif parts[:4] == ["api", "models", "org", "m"]:
            siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
            self._send(json.dumps({"id": "org/m", "sha": "a" * 40, "siblings": siblings}).encode(), "application/json")
        elif parts[:3] == ["org", "m", "resolve"] and parts[-1] in FILES:
            self._send(FILES[parts[-1]], "application/octet-stream")
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), "X-Repo-Commit": "a" * 40,
                            "ETag": f'"{hashlib.sha256(content).hexdigest()[:40]}"'}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.slow
def test_the_hubs_own_library_fetches_what_is_wanted(hub: str, tmp_path: Path) -> None:
    found = bases.HuggingFace(hub)
    offered = bases.wanted(found.files("org/m"), "org/m")
    assert offered == {name: len(FILES[name]) for name in ("config.json", "model.safetensors", "tokenizer.json")}
    bases.download("org/m", None, list(offered), tmp_path, found, Disk())
    assert {path.name: path.read_bytes() for path in (tmp_path / "org" / "m").iterdir()} == {
        name: FILES[name] for name in offered}
    with pytest.raises(NotFoundError, match="no model"):
        found.files("org/nothing")


@pytest.mark.slow
def test_a_hub_that_does_not_answer_is_one_sentence() -> None:
    with pytest.raises(UpstreamError, match="does not answer"):
        bases.HuggingFace("http://127.0.0.1:9").files("org/m")


@pytest.mark.slow
def test_an_added_model_is_a_base_at_once(engine: LiveEngine, tmp_path: Path) -> None:
    models = Models(engine.context())
    source = (engine.state / "bases" / "two-layer").resolve()
    assert models.add(str(source), "added/here").kind == "base"
    assert "added/here" in [one.id for one in models.list()]
    files = {path.name: path.read_bytes() for path in source.iterdir() if path.is_file()}
    with pytest.raises(RefusedError, match="MB from the hub"):
        models.add_from("org/m", None, confirmed=False, hub=Shelf(files))
    added = models.add_from("org/m", None, confirmed=True, hub=Shelf(files))
    answered = engine.client().complete({"model": added.id, "prompt": "a", "max_tokens": 2})
    assert len(answered.choices) == 1

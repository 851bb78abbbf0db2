import os
import threading
from pathlib import Path

import pytest

from pen_backend.config import Config
from pen_backend.errors import AuthError, BadParamsError
from pen_backend.service.context import Context
from pen_backend.service.keys import Keys, host_of
from pen_backend.service.providers import Providers

OPENAI = "https://api.openai.com/v1"


def keys(home: Path, **environ: str) -> Keys:
    return Keys({"HOME": str(home), **environ}, patience=60.0)


def write_file(home: Path, text: str = "sk-from-the-file\n") -> Path:
    path = home / ".pen" / "openai_api_key"
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)
    return path


def found(keys: Keys, url: str = OPENAI) -> tuple[str, str] | None:
    one = keys.find(url)
    return (one.key.reveal(), one.source) if one else None


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    path = write_file(tmp_path)
    assert found(keys(tmp_path, OPENAI_API_KEY="sk-a")) == ("sk-a", "the environment (OPENAI_API_KEY)")
    assert found(keys(tmp_path)) == ("sk-from-the-file", f"the file {path}")


def test_openais_keys_go_nowhere_else(tmp_path: Path) -> None:
    write_file(tmp_path)
    here = keys(tmp_path, OPENAI_API_KEY="sk-a")
    for url in ("https://example.org/v1", "https://api.openai.com.example.org/v1", "https://api.openai.com:8443/v1",
                "https://api.openai.com@example.org/v1"):
        assert found(here, url) is None
    assert found(keys(tmp_path, PEN_API_KEY="k"), "https://example.org/v1") == ("k", "the environment (PEN_API_KEY)")


def test_keys_leave_the_environment(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PEN_API_KEY": "a", "OPENAI_API_KEY": "b"}
    Keys(environ)
    assert environ == {"HOME": str(tmp_path)}


def test_emacs_is_asked_first_and_once(tmp_path: Path) -> None:
    here, asked = keys(tmp_path, OPENAI_API_KEY="sk-a"), []

    def ask(host: str) -> bool:
        asked.append(host)
        threading.Timer(0.01, here.give, (host, "sk-emacs")).start()
        return True

    here.ask = ask
    assert [found(here), found(here)] == [("sk-emacs", "Emacs")] * 2
    assert asked == ["api.openai.com"]


def test_when_emacs_finds_none_there_is_none(tmp_path: Path) -> None:
    here = keys(tmp_path, OPENAI_API_KEY="sk-a")

    def ask(host: str) -> bool:
        here.give(host, None)
        return True

    here.ask = ask
    assert found(here) is None


def test_without_an_emacs_nobody_waits(tmp_path: Path) -> None:
    here = keys(tmp_path, OPENAI_API_KEY="sk-a")
    here.ask = lambda host: False
    assert found(here) == ("sk-a", "the environment (OPENAI_API_KEY)")


def test_an_emacs_that_does_not_answer_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    here = Keys({"HOME": str(tmp_path), "OPENAI_API_KEY": "sk-a"}, patience=0.01)
    here.ask = lambda host: True
    assert found(here) == ("sk-a", "the environment (OPENAI_API_KEY)")


def test_a_file_that_others_may_read_is_noticed(tmp_path: Path) -> None:
    path = write_file(tmp_path)
    assert not keys(tmp_path).exposed()
    path.chmod(0o644)
    assert keys(tmp_path).exposed()


def test_what_stands_for_the_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / ".pen").mkdir()
    os.mkfifo(tmp_path / ".pen" / "openai_api_key")
    assert found(keys(tmp_path)) is None


def test_openai_without_a_key_is_an_error_that_says_where_to_put_it(tmp_path: Path) -> None:
    context = Context(Config(provider="openai"), environ={"HOME": str(tmp_path)})
    with pytest.raises(AuthError, match=r"no key for api\.openai\.com") as caught:
        context.client()
    assert "auth-source" in str(caught.value.hint)


@pytest.mark.parametrize("key", ["sk-a b", "sk-é", "sk-a\n"])
def test_what_can_be_no_key_is_refused_without_showing_it(tmp_path: Path, key: str) -> None:
    context = Context(Config(), environ={"HOME": str(tmp_path)})
    with pytest.raises(BadParamsError) as caught:
        Providers(context).set_key("h", key)
    assert key not in str(caught.value)
    assert Providers(context).set_key("h", "sk-a") is True


def test_a_host_is_named_with_its_port() -> None:
    assert host_of("https://user:pass@Example.org:8443/v1") == "example.org:8443"

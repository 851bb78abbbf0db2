import io
import logging
import pickle

import pytest

from pen_backend.secrets import Redaction, Secret, child_environment, redact, take


def test_a_secret_shows_its_text_only_when_asked() -> None:
    secret = Secret("canary-0123456789")
    shown = f"{secret} {secret!r} {secret!s} {[secret]} {secret:>10}"
    assert "canary" not in shown
    assert secret.reveal() == "canary-0123456789"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_secrets_are_equal_by_value() -> None:
    assert Secret("a-long-enough-one") == Secret("a-long-enough-one")
    assert Secret("a") != "a"


@pytest.mark.parametrize("text", [
    "key sk-abcdefgh12345678", "hf_abcdefgh12345", "Authorization: Bearer abc.def-123", "http://me:pass@example.com/",
])
def test_what_looks_like_a_key_is_hidden(text: str) -> None:
    hidden = redact(text)
    assert "***" in hidden
    assert not any(word in hidden for word in ("abcdefgh", "abc.def", "pass"))


def test_a_registered_secret_is_hidden_everywhere() -> None:
    Secret("purple-elephant-77")
    assert redact("x purple-elephant-77 y") == "x *** y"


def test_the_filter_hides_secrets_in_messages_arguments_and_tracebacks() -> None:
    Secret("green-elephant-78")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(Redaction())
    log = logging.Logger("test")
    log.addHandler(handler)
    try:
        raise ValueError("green-elephant-78")
    except ValueError:
        log.exception("it was %s", "green-elephant-78")
    assert "elephant" not in stream.getvalue()
    assert stream.getvalue().count("***") >= 2


def test_a_taken_secret_leaves_the_environment() -> None:
    environ = {"A_KEY": "", "B_KEY": "value-of-b-key", "C": "c"}
    secret = take(environ, "A_KEY", "B_KEY")
    assert secret == Secret("value-of-b-key")
    assert environ == {"C": "c"}
    assert take(environ, "A_KEY") is None


def test_a_child_inherits_settings_and_no_secrets() -> None:
    kept = {"PATH": "/bin", "LC_ALL": "C", "XDG_DATA_HOME": "/d", "PEN_MAX_TOKENS": "3", "OMP_NUM_THREADS": "1"}
    withheld = {"PEN_EPC_TOKEN": "t", "PEN_API_KEY": "k", "OPENAI_API_KEY": "k", "HF_TOKEN": "x", "SECRET": "y",
                "pen_x": "z", "PEN_api_key": "k", "LD_PRELOAD": "x", "PYTHONPATH": "y"}
    assert child_environment(kept | withheld) == kept

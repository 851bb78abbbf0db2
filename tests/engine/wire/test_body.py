"""JSON bodies: limits, exact types, and errors that name the parameter and never quote the value."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.engine.wire.body import check, parse
from pen_backend.engine.wire.completions import CompletionRequest
from pen_backend.engine.wire.errors import ApiError


@pytest.mark.parametrize("data", [
    b"", b"[]", b"1", b"{", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b'{"a": "\xff"}', b"[" * 100_000,
    b'{"a": ' * 70 + b"1" + b"}" * 70])
def test_what_is_no_plain_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        parse(data)
    assert caught.value.status == 400


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse(b'{"a": ' * 64 + b"1" + b"}" * 64)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_an_api_error(data: bytes) -> None:
    with contextlib.suppress(ApiError):
        assert isinstance(parse(data), dict)


@pytest.mark.parametrize(("value", "param", "code"), [
    ({"prompt": "a"}, "model", "missing_required_parameter"),
    ({"model": "m", "prompt": "a", "n": "2"}, "n", "invalid_value"),
    ({"model": "m", "prompt": "a", "n": True}, "n", "invalid_value"),
    ({"model": "m", "prompt": "a", "n": 129}, "n", "invalid_value"),
    ({"model": "m", "prompt": 5}, "prompt", "invalid_value"),
    ({"model": "m", "prompt": "a", "temperature": "warm"}, "temperature", "invalid_value"),
    ({"model": "m", "prompt": "a", "stream_options": {"include_usage": 1}, "stream": True},
     "stream_options.include_usage", "invalid_value"),
    ({"model": "m", "prompt": "a", "max_token": 5}, "max_token", "unknown_parameter"),
    ({"model": "m", "prompt": "a", "best_of": 2, "n": 3}, "best_of", "invalid_value"),
    ({"model": "m", "prompt": "a", "stop": ["a"] * 5}, "stop", "invalid_value"),
    ({"model": "m", "prompt": "a", "stream_options": {}}, "stream_options", "invalid_value")])
def test_the_error_names_the_parameter(value: dict[str, object], param: str | None, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        check(CompletionRequest, value)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_an_unknown_key_comes_with_the_nearest_name() -> None:
    with pytest.raises(ApiError, match=r"^Unknown parameter 'max_token'; did you mean 'max_tokens'\?$"):
        check(CompletionRequest, {"model": "m", "prompt": "a", "max_token": 5})


def test_a_wrong_value_is_never_quoted() -> None:
    with pytest.raises(ApiError) as caught:
        check(CompletionRequest, {"model": "m", "prompt": {"secret": "s3cret"}, "user": 12345})
    assert "s3cret" not in caught.value.message
    assert "12345" not in caught.value.message

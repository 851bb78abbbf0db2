"""Whatever JSON is sent to completions and chats becomes an order for the worker, or one refusal with status 400."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.engine.wire import chat, completions
from pen_backend.engine.wire.body import check, parse
from pen_backend.engine.wire.errors import ApiError

JSON = st.recursive(st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                    max_leaves=6)
ENDS = ((200, "}"), (400, "."), (400, "?"))
MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool"]), "content": JSON})


def requests(model: Any, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Make bodies of the model's own names, with any values."""
    optional = {name: JSON for name in model.model_fields if name not in fields and name != "model"}
    return st.fixed_dictionaries({"model": st.just("m"), **fields}, optional=optional)


def outcome(read: Any, body: dict[str, Any]) -> tuple[int, str]:
    """Try to read a body; return the status and the last character of the order or of the refusal."""
    try:
        order = read(parse(json.dumps(body).encode()))
    except ApiError as error:
        return error.status, error.message[-1]
    return 200, json.dumps(order, allow_nan=False)[-1]


@settings(max_examples=60)
@given(requests(completions.CompletionRequest, prompt=JSON | st.text(max_size=5)))
def test_any_completion_is_ordered_or_refused(body: dict[str, Any]) -> None:
    assert outcome(lambda value: completions.worker_request(
        check(completions.CompletionRequest, value), bos=0, vocab_size=100), body) in ENDS


@settings(max_examples=60)
@given(requests(chat.ChatRequest, messages=st.lists(MESSAGE, max_size=3)))
def test_any_chat_is_ordered_or_refused(body: dict[str, Any]) -> None:
    assert outcome(lambda value: chat.worker_request(check(chat.ChatRequest, value), vocab_size=100), body) in ENDS


def test_the_plainest_requests_are_not_refused() -> None:
    plain = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
    assert outcome(lambda value: chat.worker_request(check(chat.ChatRequest, value), vocab_size=None), plain)[0] == 200

"""A moving piece of JSON: the same values wherever its edges fall, and those that are too long stepped over."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.dataset.sources.window import Window
from pen_backend.errors import DataError

SCALARS = st.none() | st.booleans() | st.integers(-10**6, 10**6) | st.text(max_size=8) | st.sampled_from(
    ['"', "\\", "]", "}", '\\"', "{[", "é", "\U0001f600"])
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.text(max_size=3), inner, max_size=3), max_leaves=8)
SPACE = st.sampled_from(["", " ", "\n", "\r\n\t"])


def items(window: Window) -> list[bytes]:
    """Cut an array into its items."""
    found: list[bytes] = []
    window.next_sign()
    window.step()
    sign = window.next_sign()
    while sign != b"]":
        window.next_sign()
        found.append(window.item())
        sign = window.next_sign()
        if sign == b",":
            window.step()
    window.close()
    return found


@given(st.lists(JSON, max_size=6), SPACE, st.booleans(), st.integers(1, 30))
def test_an_array_is_cut_into_its_items_wherever_the_window_ends(values: list[object], space: str, ascii_only: bool,
                                                                 chunk: int) -> None:
    texts = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
    array = f"{space}[{space}" + f"{space},{space}".join(texts) + f"{space}]{space}"
    window = Window(io.BytesIO(array.encode()), "a", 10_000, chunk)
    assert [item.decode() for item in items(window)] == texts
    assert window.line() == array.count("\n") + 1


@given(st.lists(JSON, min_size=1, max_size=6), st.integers(1, 30), st.integers(8, 40))
def test_values_that_are_too_long_are_stepped_over_and_the_others_kept(values: list[object], chunk: int,
                                                                       limit: int) -> None:
    texts = [json.dumps(value).encode() for value in values]
    found = items(Window(io.BytesIO(b"[" + b" , ".join(texts) + b"]"), "a", limit, chunk))
    assert len(found) == len(texts)
    for item, text in zip(found, texts, strict=True):
        assert item == text if len(text) <= limit else len(item) > limit and text.startswith(item)


@given(st.lists(JSON, min_size=1, max_size=4), st.data(), st.integers(1, 30))
def test_a_torn_array_is_always_an_error_and_never_another_array(values: list[object], data: st.DataObject,
                                                                 chunk: int) -> None:
    whole = json.dumps(values).encode()
    torn = whole[:data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(DataError) as caught:
        items(Window(io.BytesIO(torn), "a", 20, chunk))
    assert caught.value.findings[0].code == "json"


@given(st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=3), max_size=6), SPACE, st.integers(1, 60))
def test_the_quick_way_sees_what_the_slow_one_sees(values: list[object], space: str, chunk: int) -> None:
    array = (f"[{space}" + f"{space},{space}".join(map(json.dumps, values)) + f"{space}]").encode()
    window = Window(io.BytesIO(array), "a", 10_000, chunk)
    window.next_sign()
    window.step()
    found: list[object] = []
    while window.next_sign() != b"]":
        window.next_sign()
        found += [value for _, _, value in window.objects()]
        found.append(json.loads(window.item()))
        if window.next_sign() == b",":
            window.step()
    assert found == values

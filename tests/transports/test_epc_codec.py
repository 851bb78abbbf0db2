"""The wire's text: what Emacs prints and reads, and what is refused."""

import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_backend.errors import TooLargeError
from pen_backend.transports.epc_codec import (
    MAX_DEPTH,
    MAX_FRAME,
    Symbol,
    decode,
    dumps,
    frame,
    loads,
    recover_uid,
    unframe_length,
)

WORDS = st.from_regex(r"[:a-z][a-z0-9-]{0,12}", fullmatch=True).filter(lambda word: word not in ("t", "nil", ":", "-"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.sampled_from('\\"\n\0()\r\u00a0 a😀'))
ATOMS = st.none() | st.just(True) | st.integers() | st.floats(allow_nan=False) | TEXTS | WORDS.map(Symbol)
VALUES = st.recursive(ATOMS, lambda inner: st.lists(inner, min_size=1, max_size=5), max_leaves=30)


def same(one: Any, other: Any) -> bool:
    """Compare types as well: 1 is not True, and a symbol is not a string."""
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@settings(max_examples=500)
@given(VALUES)
def test_what_is_printed_reads_back_the_same(value: Any) -> None:
    assert same(decode(frame(dumps(value))[6:]), value)


@settings(max_examples=500)
@given(st.text(st.sampled_from('()[]"\\ \n.#\'`,;?:-+e0123abcnilt\u00e9\0'), max_size=60))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        value = loads(text)
    except ValueError:
        return
    assert same(loads(dumps(value)), value) or "[" in text  # an empty vector is printed as nil


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused_with_a_value_error(data: bytes) -> None:
    try:
        decode(data)
    except ValueError:
        return


@pytest.mark.parametrize(("text", "value"), [
    ("nil", None), ("()", None), ("t", True), ("[]", []), ("[1 [] nil]", [1, [], None]), ("1", 1), ("-7", -7),
    ("+5", 5), ("1.", 1), (str(2 ** 80), 2 ** 80), ("1.5", 1.5), ("-.5", -0.5), ("1e+20", 1e20), ("1.0e+INF", math.inf),
    ("-1.0e+INF", -math.inf), ("inf", Symbol("inf")), ("nan", Symbol("nan")), ("1_000", Symbol("1_000")),
    (":n-epochs", Symbol(":n-epochs")), (":false", Symbol(":false")), ("1+", Symbol("1+")), ('""', ""),
    ('"a\nb\r\n\0"', "a\nb\r\n\0"), (r'"\"\\"', '"\\'), (r'"\\n\n"', "\\n\n"), (r'"\\\""', '\\"'),
    (r'"a\ b\e"', "ab\x1b"),
    (r'"\200\377"', "\udc80\udcff"), (r'"\101\x42"', "AB"), (r'"\u00e9\U0001f600"', "é😀"), ('"a\\\nb"', "ab"),
    ("(a(b)\"c\")", [Symbol("a"), [Symbol("b")], "c"]), (" ( 1\t2\n) ", [1, 2]), ('"\u00a0"', "\u00a0"),
])
def test_lisp_text_becomes(text: str, value: Any) -> None:
    assert same(loads(text), value)


def test_not_a_number_is_read() -> None:
    assert math.isnan(loads("0.0e+NaN"))  # type: ignore[arg-type] # a float, which is what is tested


@pytest.mark.parametrize("text", [
    "", " ", "a b", "(", ")", "(1))", "((1)", "(]", "[1)", "(a . b)", ".", "'a", "`a", ",a", "#(1)", "#s(x)", "?a",
    ";x", '"a', '"a\\"', "\\a", "a\\b", 'a"b', r'"\M-a"', r'"\xzz"', r'"\U00110000"', r'"\u12"', "1" * 5000,
    "(" * 200_000, "(" * 200_000 + ")" * 200_000, '("hello" 0 5 (face bold)', '(# ("hello" 0 5))'])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        loads(text)


def test_nesting_is_limited_both_ways() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert same(loads(dumps(deep)), deep)
    with pytest.raises(ValueError, match="deeper"):
        loads(f"({dumps(deep)})")
    with pytest.raises(ValueError, match="deeper"):
        dumps([deep])


@pytest.mark.parametrize(("value", "text"), [
    (None, "nil"), (False, "nil"), ([], "nil"), ((), "nil"), (True, "t"), (1, "1"), (2 ** 80, str(2 ** 80)),
    (0.1, "0.1"), (1e22, "1e+22"), (math.nan, "0.0e+NaN"), (math.inf, "1.0e+INF"), (-math.inf, "-1.0e+INF"),
    ("a\n\"\\", '"a\n\\"\\\\"'),
    (Symbol("a-b"), "a-b"), ([1, "x", (2,)], '(1 "x" (2))')])
def test_prints(value: object, text: str) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize("value", [b"x", {1}, object(), {"a": 1}, [b"x"]])
def test_what_has_no_form_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="no form in Lisp"):
        dumps(value)


def test_a_frame_counts_bytes_and_the_newline() -> None:
    assert frame('"é"') == b'000005"\xc3\xa9"\n'


def test_raw_bytes_leave_as_they_came() -> None:
    assert frame('"\udc80"') == b'000004"\x80"\n'
    assert decode(b'"\x80"\n') == "\udc80"


def test_another_surrogate_cannot_leave() -> None:
    with pytest.raises(UnicodeEncodeError):
        frame('"\ud800"')


def test_the_largest_frame() -> None:
    assert frame(" " * (MAX_FRAME - 1))[:6] == b"ffffff"
    with pytest.raises(TooLargeError):
        frame(" " * MAX_FRAME)


@pytest.mark.parametrize("header", [b"", b"00000", b"00000g", b"00000A", b"000000", b"-00001",
                                    b" 00001", b"0x0001", b"+00001"])
def test_a_header_is_six_lower_case_hex_digits(header: bytes) -> None:
    with pytest.raises(ValueError, match="frame"):
        unframe_length(header)


def test_the_number_of_a_call_is_found_in_a_broken_message() -> None:
    assert recover_uid(b"(call 17 echo ((:text") == 17
    assert recover_uid(b"(call x") is None


def test_a_megabyte_of_text_is_read_in_a_moment() -> None:
    text = dumps(["a \"quoted\" \\ text\n" * 60_000])
    before = time.perf_counter()
    loads(text)
    assert time.perf_counter() - before < 1


def test_the_atom_cache_stays_bounded() -> None:
    from pen_backend.transports import epc_codec

    loads("(" + " ".join(map(str, range(100_000, 150_000))) + ")")
    assert len(epc_codec._atoms) <= epc_codec.MAX_ATOMS
    assert loads("149999") == 149_999

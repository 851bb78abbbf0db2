import time

import pytest
import yaml as pyyaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pen_backend.prompts import yaml

PARSERS = [pytest.param(pyyaml.SafeLoader, id="pure")]
if pyyaml.__with_libyaml__:
    PARSERS.append(pytest.param(pyyaml.CSafeLoader, id="libyaml"))
both = pytest.mark.parametrize("parser", PARSERS)

SIGNS = "ab?#:,-[]{}\n \"'|>&*!%~1.e\tö\\<"


def said(text: str, parser: type = yaml.PARSER) -> list[str]:
    return [str(finding) for finding in yaml.read(text.encode(), "f", parser=parser).findings]


@both
@pytest.mark.parametrize(("written", "value"), [
    ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"),
    ("true", True), ("False", False), ("TRUE", True), ("null", None), ("~", None), ("", None),
    ("12:30", "12:30"), ("010", 10), ("0x1f", "0x1f"), ("0o7", "0o7"), ("1_000", "1_000"), ("+3", 3), ("-4", -4),
    ("2024-02-03", "2024-02-03"), ("1e-4", 1e-4), ("1.", 1.0), (".5", 0.5), ("1.5E3", 1500.0), (".", "."), ("e1", "e1"),
    (".inf", float("inf")), ("-.Inf", float("-inf")), ("<<", "<<"), ("=", "="), ("'1'", "1"), ('"true"', "true"),
    ("٣", "٣"), ("nan", "nan"), ("1" * 5000, "1" * 5000),
])
def test_scalars_are_those_of_yaml_1_2(written: str, value: object, parser: type) -> None:
    document = yaml.read(f"a: {written}\n".encode(), "f", parser=parser)
    assert document.findings == []
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


@both
def test_not_a_number_is_a_number(parser: type) -> None:
    value = yaml.read(b"[.nan]", "f", parser=parser).value
    assert isinstance(value, list)
    assert value[0] != value[0]


@both
@pytest.mark.parametrize(("text", "message"), [
    ("a: 1\nb: 2\na: 3\n", "f:3:1: key 'a' stands here again after line 1; remove one"),
    ("a: &x 1\n", "f:1:4: anchors (&x) are not read; remove it"),
    ("a: *x\n", "f:1:4: aliases (*x) are not read; write the value out"),
    ("a: !!str 5\n", "f:1:4: tags (tag:yaml.org,2002:str) are not read; remove it"),
    ("a: !!python/object/apply:os.system [x]\n",
     "f:1:4: tags (tag:yaml.org,2002:python/object/apply:os.system) are not read; remove it"),
    ("a: 1\n---\nb: 2\n", "f:2:1: a second document begins here; keep one prompt to a file"),
    ("", "f:1:1: the file is empty"),
    ("# only a comment\n", "f:1:1: the file is empty"),
    ("[a, b]: c\n", "f:1:1: a key must be text; quote a text that begins with [ or {"),
    ("a: [Why?]\n", "f:1:8: '?' inside [...] must be quoted: some YAML parsers refuse it"),
    ("a: {q: Why? x}\n", "f:1:11: '?' inside {...} must be quoted: some YAML parsers refuse it"),
    ("a:\n- b\n- [x,\n   Why not? y]\n", "f:4:11: '?' inside [...] must be quoted: some YAML parsers refuse it"),
    ('a: "one\\stwo"\n', "f:1:8: unknown escape \\s in double quotes; use single quotes, or double the backslash"),
    ("a: [b, ###]\nc: d\n", "f:1:8: ###] starts a comment, so the list never ends; write '###'"),
    ("a: 'b\nc: d\n", "the quote is never closed"),
    ("a: b: c\n", "put a text that holds ': ' in quotes"),
    ("a: @b\n", "f:1:4: "),
    ("a:\n\t- b\n", "f:2:1: a tab stands where YAML wants spaces; use spaces, or put the text in quotes"),
    ("a: b\tc\n", "f:1:5: a tab stands where YAML wants spaces; use spaces, or put the text in quotes"),
    ("a: \x07\n", 'f:1:4: U+0007 must not stand in YAML as it is; write it as an escape such as "\\x07"'),
])
def test_what_is_wrong_is_said_with_place_and_advice(text: str, message: str, parser: type) -> None:
    lines = said(text, parser)
    assert len(lines) == 1
    assert message in lines[0]


@both
def test_places_count_characters_not_bytes(parser: type) -> None:
    assert said("😀: [ö, Why?]\n", parser) == ["f:1:11: '?' inside [...] must be quoted: some YAML parsers refuse it"]


@both
def test_windows_files_are_read(parser: type) -> None:
    document = yaml.read("\ufeffa: |\r\n  b\r\n  c\r\n".encode(), "f", parser=parser)
    assert document.value == {"a": "b\nc\n"}
    assert document.where(("a",), key=True) == "f:1:1"


def test_wrong_encoding_names_the_byte() -> None:
    finding, = yaml.read(b"a: 1\nb: caf\xe9\n", "f").findings
    assert str(finding) == "f:2:7: byte 0xe9 is not UTF-8; save the file as UTF-8"


def test_a_number_remembers_how_it_was_written() -> None:
    assert yaml.read(b"a: 1.10", "f").values["a",].written == "1.10"


@both
@pytest.mark.parametrize("text", [
    "[" * 5000, "{a: " * 5000, "- " * 5000, "? " * 5000, "[a]: " * 5000, "{" * 999_999, '"' * 999_999, "&" * 999_999,
    "a: &a [x]\nb: [" + "*a, " * 200_000 + "]", "- a\n" * 200_000, "a: 1\n" * 150_000, "a: '" + "\n" * 900_000,
    "a: " + "x" * 900_000 + "\t", "%TAG ! " + "!" * 100_000, "x" * 1_000_001,
], ids=lambda text: f"{text[:12]!r}...")
def test_hostile_files_are_refused_fast(text: str, parser: type) -> None:
    started = time.process_time()
    document = yaml.read(text.encode(), "f", parser=parser)
    assert document.findings
    assert time.process_time() - started < 5


def test_depth_and_size_are_limited() -> None:
    assert said("[" * 5000) == ["f:1:33: more than 32 levels inside each other"]
    assert yaml.read(("[" * 32 + "]" * 32).encode(), "f").findings == []
    assert said("- a\n" * 10_001) == ["f:10000:3: the file has more than 10,000 values"]
    assert said(" " * 1_000_001) == ["f:1:1: the file has more than 1,000,000 bytes"]


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_findings(data: bytes) -> None:
    document = yaml.read(data, "f")
    assert all(finding.where for finding in document.findings)


@pytest.mark.skipif(not pyyaml.__with_libyaml__, reason="there is only one parser here")
@settings(max_examples=500)
@given(st.text(alphabet=SIGNS, max_size=25))
@example("a: [?x]")
@example("|#")
@example("a: >-#b\n  c")
@example("a: 'b\tc'")
def test_a_file_that_loads_here_loads_without_libyaml(text: str) -> None:
    here = yaml.read(text.encode(), "f")
    there = yaml.read(text.encode(), "f", parser=pyyaml.SafeLoader)
    if not here.findings:
        assert there.findings == []
        assert repr(there.value) == repr(here.value)

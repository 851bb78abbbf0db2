import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.engine.nn.outcome import TrainingError
from pen_backend.engine.nn.vocabulary import Vocabulary

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(TEXTS)
def test_the_bytes_of_a_text_s_tokens_are_its_utf_8(vocabulary: Vocabulary, text: str) -> None:
    assert b"".join(map(vocabulary.token_bytes, vocabulary.encode(text))) == text.encode()


def test_a_reserved_token_inside_a_text_is_data(vocabulary: Vocabulary) -> None:
    assert vocabulary.eos not in vocabulary.encode("a<|endoftext|>b")


def test_a_text_alone_begins_with_the_beginning_of_text_token_as_an_empty_request_does(vocabulary: Vocabulary) -> None:
    assert vocabulary.prompt_ids("") == vocabulary.begins(has_prompt=False) == [vocabulary.bos]
    assert vocabulary.begins(has_prompt=True) == []
    assert vocabulary.prompt_ids("x") == vocabulary.encode("x")


@given(TEXTS)
def test_no_text_has_fewer_tokens_than_the_least(vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.least_tokens(text) <= len(vocabulary.encode(text))
    assert vocabulary.least_tokens(text * 100) >= len(text)


def test_padding_is_never_a_token_that_ends(vocabulary: Vocabulary) -> None:
    assert vocabulary.pad not in vocabulary.ends


def test_a_tokenizer_that_adds_a_beginning_gets_exactly_one(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "with-bos"
    shutil.copytree(model_folder, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
        "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))

    vocabulary = Vocabulary(folder)

    assert vocabulary.prompt_ids("x")[0] == 0
    assert vocabulary.prompt_ids("x").count(0) == 1
    assert vocabulary.begins(has_prompt=True) == [0]


def test_a_broken_tokenizer_is_one_sentence(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(model_folder, folder)
    (folder / "tokenizer.json").write_text("{")

    with pytest.raises(TrainingError, match=r"tokenizer\.json is not readable"):
        Vocabulary(folder)

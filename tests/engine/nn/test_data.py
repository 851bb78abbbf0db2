import json
from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.nn.data import DataSet, read_data
from pen_backend.engine.nn.outcome import Exit, TrainingError
from pen_backend.engine.nn.spec import Spec, read_spec
from pen_backend.engine.nn.vocabulary import Vocabulary
from tests.engine.nn import tiny

GOOD = {"prompt": "a", "completion": " b"}


def read(model_folder: Path, tmp_path: Path, lines: list[Any], **changes: Any) -> DataSet:
    spec: Spec = read_spec(tiny.make_job(tmp_path / "job", model_folder, lines, **changes) / "spec.json")
    return read_data(spec.train, "training_file", spec, Vocabulary(model_folder), context=256)


def test_every_bad_line_is_named(model_folder: Path, tmp_path: Path) -> None:
    bad = {"data": {"text_list": ["a", "b"], "loss_weights": [1]}}

    with pytest.raises(TrainingError, match=r"train\.jsonl:2: .*1 entry for 2 texts.*\(and 1 more\)") as caught:
        read(model_folder, tmp_path, [GOOD, bad, GOOD, {"prompt": 3, "completion": ""}])

    assert caught.value.exit == Exit.DATA
    assert caught.value.code == "invalid_training_file"
    assert [finding.where for finding in caught.value.findings] == ["train.jsonl:2", "train.jsonl:4"]


def test_lines_of_no_weight_are_left_out_and_counted(model_folder: Path, tmp_path: Path) -> None:
    nothing = {"data": {"text_list": ["a", "b"], "loss_weights": [0, 0]}}

    data = read(model_folder, tmp_path, [GOOD, nothing, nothing])

    assert len(data.examples) == 1
    assert data.dropped == {"weights-zero": 2}


def test_a_file_of_no_weight_is_refused(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="all loss weights are 0") as caught:
        read(model_folder, tmp_path, [{"data": {"text_list": ["a", "b"], "loss_weights": [0, 0]}}])

    assert caught.value.code == "zero_weight"


def test_an_empty_file_is_refused(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no examples"):
        read(model_folder, tmp_path, [])


def test_a_chat_is_written_as_the_model_writes_it(model_folder: Path, tmp_path: Path) -> None:
    data = read(model_folder, tmp_path, [{"messages": [{"role": "assistant", "content": "a"}]}])
    vocabulary = Vocabulary(model_folder)

    assert b"".join(map(vocabulary.token_bytes, data.examples[0].ids)) == (
        b"<|im_start|>assistant\na<|im_end|>\n<|endoftext|>")


def test_a_chat_the_model_cannot_write_names_its_line(model_folder: Path, tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    with pytest.raises(TrainingError, match=r"train\.jsonl:2: the model has no chat template for calls of tools"):
        read(model_folder, tmp_path, [{"messages": [{"role": "assistant", "content": "a"}]},
                                      {"messages": [{"role": "assistant", "tool_calls": [call]}]}])


@pytest.mark.parametrize(("overlong", "kept", "dropped"), [("drop", 1, {"too-long": 1}), ("truncate", 2, {})])
def test_long_examples_are_dropped_or_cut(model_folder: Path, tmp_path: Path, overlong: str, kept: int,
                                          dropped: dict[str, int]) -> None:
    data = read(model_folder, tmp_path, [GOOD, {"prompt": "x" * 99, "completion": " b"}], overlong=overlong,
                max_tokens=20)

    assert len(data.examples) == kept
    assert data.longest <= 20
    assert data.dropped == dropped


def test_a_long_example_names_its_line_and_both_numbers(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"train\.jsonl:2: the example has \d+ tokens, the limit is 20"):
        read(model_folder, tmp_path, [GOOD, {"prompt": "x" * 99, "completion": " b"}], max_tokens=20)


def test_a_changed_file_is_refused(model_folder: Path, tmp_path: Path) -> None:
    job = tiny.make_job(tmp_path / "job", model_folder)
    (job / "train.jsonl").write_text(json.dumps(GOOD))
    spec = read_spec(job / "spec.json")

    with pytest.raises(TrainingError, match="its sha256 differs"):
        read_data(spec.train, "training_file", spec, Vocabulary(model_folder), context=256)

"""Which classes a job has, and the sentences that say what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from pen_backend.engine.nn.classes import Classes, read_classes
from pen_backend.engine.nn.data import read_data
from pen_backend.engine.nn.outcome import TrainingError
from pen_backend.engine.nn.spec import read_spec
from pen_backend.engine.nn.vocabulary import Vocabulary
from tests.engine.nn import tiny


def classes(model_folder: Path, tmp_path: Path, completions: list[str], valid: list[str] | None = None,
            **asked: Any) -> Classes:
    lines, held_out = ([{"prompt": f"text {i} ->", "completion": text} for i, text in enumerate(texts)]
                       for texts in (completions, valid or completions))
    spec = read_spec(tiny.make_job(tmp_path / "job", model_folder, lines, valid=held_out,
                                   classification=asked) / "spec.json")
    vocabulary = Vocabulary(model_folder)
    assert spec.valid is not None
    train = read_data(spec.train, "training_file", spec, vocabulary, context=256)
    other = read_data(spec.valid, "validation_file", spec, vocabulary, context=256)
    return read_classes(spec, train.examples, other.examples, vocabulary)


def test_classes_are_the_completions_in_order(model_folder: Path, tmp_path: Path) -> None:
    found = classes(model_folder, tmp_path, ["yes", "no", "yes", "?"], n_classes=3)

    assert found.names == ("?", "no", "yes")
    assert len(set(found.first_tokens)) == 3
    assert found.positive is None


def test_the_positive_class_is_found_with_or_without_its_space(model_folder: Path, tmp_path: Path) -> None:
    assert classes(model_folder, tmp_path, ["1", "2"], positive_class=" 2").positive == 1


@pytest.mark.parametrize(("completions", "valid", "asked", "code", "message"), [
    (["1", "2", "2", "3"], ["1"], {"n_classes": 2}, "class_mismatch",
     r"^The number of classes in train\.jsonl does not match the number of classes specified in the hyperparameters: "
     r"it has 3 \('2' 2x, '1' 1x, '3' 1x\), and n_classes is 2; set n_classes to 3, or correct the completions\.$"),
    (["1", "2", "3"], ["1"], {"positive_class": "1"}, "class_mismatch", "give n_classes instead"),
    (["1", "2"], ["1", "4"], {"n_classes": 2}, "class_mismatch",
     r"classes in valid\.jsonl does not match .* '4' 1x are not among the 2 of train\.jsonl"),
    (["1", "2"], ["1"], {"positive_class": "yes"}, "class_mismatch", "'yes' is not one of the classes"),
    (["QuX", "QuY", "1"], ["1"], {"n_classes": 3}, "class_first_token",
     "each of the classes must start with a different token, and 'QuX' and 'QuY' do not; number the classes instead"),
])
def test_a_refusal_counts_and_names(
        model_folder: Path, tmp_path: Path, completions: list[str], valid: list[str], asked: dict[str, Any], code: str,
        message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        classes(model_folder, tmp_path, completions, valid, **asked)

    assert caught.value.code == code

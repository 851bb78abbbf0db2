import hashlib
from pathlib import Path

import pytest

from pen_backend.errors import BadParamsError, DataError, NotFoundError
from pen_backend.jobs.spec import JobSpec, from_files, from_plan
from tests.jobs.plans import make_plan


def test_a_plan_gives_files_and_metadata(tmp_path: Path) -> None:
    plan = make_plan(tmp_path / "plan")
    spec = from_plan(plan, default_model="pen-tiny")
    assert (spec.model, spec.train, spec.valid) == ("pen-tiny", plan / "train.jsonl", plan / "valid.jsonl")
    assert spec.metadata == {"pen.format_hash": "f" * 64, "pen.prompt": "pun-complete",
                             "pen.dataset": hashlib.sha256((plan / "manifest.json").read_bytes()).hexdigest()}


def test_a_side_without_rows_is_not_uploaded(tmp_path: Path) -> None:
    assert from_plan(make_plan(tmp_path / "plan", valid=[]), default_model="m").valid is None


def test_overrides_win_over_the_plans_options_and_none_is_not_given(tmp_path: Path) -> None:
    plan = make_plan(tmp_path / "p", definition={"job": {"n-epochs": 2, "batch-size": 4, "model": "a"}})
    spec = from_plan(plan, default_model="m", overrides={"n_epochs": 5, "batch_size": None, "seed": 3})
    assert spec.model == "a"
    assert spec.options == {"n_epochs": 5, "batch_size": 4, "seed": 3}


@pytest.mark.parametrize(("given", "left"), [("learning_rate", "learning_rate_multiplier"),
                                             ("learning_rate_multiplier", "learning_rate")])
def test_a_rate_given_now_replaces_the_plans_other_rate(tmp_path: Path, given: str, left: str) -> None:
    plan = make_plan(tmp_path / "p", definition={"job": {left.replace("_", "-"): 0.5}})
    spec = from_plan(plan, default_model="m", overrides={given: 0.1})
    assert spec.options == {given: 0.1}


def test_both_rates_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadParamsError, match="exclude each other"):
        from_plan(make_plan(tmp_path / "p"), default_model="m",
                  overrides={"learning_rate": 1e-4, "learning_rate_multiplier": 2.0})


def test_an_edited_file_is_not_launched_as_what_was_shown(tmp_path: Path) -> None:
    plan = make_plan(tmp_path / "p")
    with (plan / "train.jsonl").open("a") as stream:
        stream.write("{}\n")
    with pytest.raises(DataError, match=r"train\.jsonl is not what was built"):
        from_plan(plan, default_model="m")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"outputs": 3}', '{"outputs": [{}]}'])
def test_a_broken_manifest_is_one_sentence(tmp_path: Path, text: str) -> None:
    plan = make_plan(tmp_path / "p")
    (plan / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="manifest"):
        from_plan(plan, default_model="m")


def test_a_wrong_option_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="n_epochs"):
        from_plan(make_plan(tmp_path / "p"), default_model="m", overrides={"n_epochs": 0})


def test_standard_options_travel_in_the_method_and_pens_own_beside_it() -> None:
    spec = JobSpec("m", Path("t"), None, {"n_epochs": 3, "tune": "lora", "suffix": "s", "seed": 1}, {"pen.prompt": "p"})
    body = spec.request("file-1", None, local=True)
    assert body["method"]["supervised"]["hyperparameters"] == {
        "n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert body["extra_body"] == {"pen": {"tune": "lora"}}
    assert (body["suffix"], body["seed"], body["metadata"]) == ("s", 1, {"pen.prompt": "p"})
    assert "validation_file" not in body
    assert "extra_body" not in spec.request("file-1", "file-2", local=False)


def test_training_files_need_no_definition(tmp_path: Path) -> None:
    train = tmp_path / "t.jsonl"
    train.write_text('{"data": "x"}\n')
    assert from_files(train, None, default_model="m").train == train
    with pytest.raises(NotFoundError, match="no such training file"):
        from_files(tmp_path / "absent.jsonl", None, default_model="m")


def test_a_file_to_validate_on_that_cannot_be_read_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"data": "x"}\n')
    with pytest.raises(NotFoundError, match=r"^/proc/self/mem: The .* read: Input/output error\. Copy"):
        from_files(tmp_path / "t.jsonl", Path("/proc/self/mem"), default_model="m")
    with pytest.raises(NotFoundError, match=r"cannot be read: .*\. Copy it"):
        from_plan(make_plan(tmp_path / "p"), default_model="m", valid=Path("/proc/self/mem"))


def test_rows_with_two_answers_are_trained_as_preferences(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n')
    spec = from_files(tmp_path / "train.jsonl", None, default_model="m", overrides={"beta": 0.5, "n_epochs": 2})
    body = spec.request("file-1", None, local=True)
    assert body["method"] == {"type": "dpo", "dpo": {"hyperparameters": {
        "n_epochs": 2, "batch_size": "auto", "learning_rate_multiplier": "auto", "beta": 0.5}}}
    assert "extra_body" not in body

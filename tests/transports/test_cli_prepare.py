"""`pen prepare` as a person and a script meet it, and the same result over the link."""

import io
import json
import queue
import re
from pathlib import Path
from typing import Any

import pytest

from pen_backend.service.context import Context
from pen_backend.service.datasets import Datasets
from pen_backend.service.registry import build_registry
from pen_backend.transports import cli_prepare
from pen_backend.transports.cli import main, parser
from pen_backend.transports.epc_codec import Symbol, decode
from pen_backend.transports.rpc import Dispatcher
from pen_backend.transports.terminal import Terminal
from tests.conftest import environment
from tests.dataset.prepare import lines, table
from tests.transports.pipes import fields
from tests.transports.test_cli import Screen, run

PAIRS = [("one", "first thing"), ("two", "second place"), ("two", "second place"), ("four", "FOURTH WALL")]
TAGS = [(f"{index} tickets", ("billing", "login", "shipping")[index % 3]) for index in range(30)]
REFUSED = 5


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(environ=environment(tmp_path / "home"))


def asked(context: Context, path: Path, *answers: str, options: tuple[str, ...] = ()) -> tuple[str, str]:
    """Answer the questions of a preparation on a terminal; return stdout and stderr."""
    out, err = io.StringIO(), Screen()
    given = parser().parse_args(["prepare", str(path), *options])
    terminal = Terminal(out=out, err=err, as_json=given.json, quiet=given.quiet)
    cli_prepare.prepare(context, given, terminal, Screen("".join(f"{answer}\n" for answer in answers)))
    return out.getvalue(), err.getvalue()


def test_q_takes_everything_and_prints_the_files(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    code, out, said = run(context, "prepare", str(path), "-q")
    assert (code, out) == (0, f"{tmp_path / 'qa_prepared.jsonl'}\n{tmp_path / 'qa_prompt.yaml'}\n")
    assert "qa.jsonl:3: warning 7: 1 row repeats" in said
    assert lines(tmp_path / "qa_prepared.jsonl")[0] == ("one ->", " first thing\n")


def test_the_old_quiet_is_q_and_says_nothing(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    code, _, said = run(context, "prepare", str(path), "--quiet")
    assert (code, said) == (0, "")
    assert (tmp_path / "qa_prepared.jsonl").exists()


def test_each_recommendation_is_a_question(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    out, said = asked(context, path, "", "y", "yes", "Y", "", "")
    assert re.findall(r"\[(\d+)\] [^\[]*\? \[Y/n\]", said) == ["7", "11", "14", "15"]
    assert said.endswith(f"next: pen finetune {tmp_path / 'qa_prompt.yaml'}\n")
    assert lines(tmp_path / "qa_prepared.jsonl") == [
        ("one ->", " first thing\n"), ("two ->", " second place\n"), ("four ->", " FOURTH WALL\n")]
    assert out.startswith(str(tmp_path / "qa_prepared.jsonl"))


def test_a_no_leaves_the_rows_as_they_are(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    asked(context, path, "n", "no", "y", "n", "y")
    assert lines(tmp_path / "qa_prepared.jsonl") == [
        ("one", "first thing\n"), ("two", "second place\n"), ("two", "second place\n"), ("four", "FOURTH WALL\n")]


def test_what_is_neither_yes_nor_no_is_asked_again(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    _, said = asked(context, path, "nope", "maybe", "n", "n", "n", "n", "y")
    assert said.count("Please answer y or n: [Y/n]") == 2
    assert not (tmp_path / "qa_prepared.jsonl").exists()
    assert (tmp_path / "qa_prompt.yaml").exists()


def test_what_follows_from_a_no_is_told_and_asked(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "tags.jsonl", [("a", "1 x"), ("b", "2 y"), *[("c", "3 z")] * 9])
    _, said = asked(context, path, "n", "y", "y", "n", "y")
    assert "tags.jsonl: 11 of 11 rows, classification with 3 classes" in said
    assert "Hold rows of every class out" in said
    assert len(lines(tmp_path / "tags_prepared.jsonl")) == 11


def test_classes_are_split_if_a_person_wants_it(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "tags.jsonl", TAGS)
    _, said = asked(context, path, "y", "y", "y", "y")
    assert sorted(file.name for file in tmp_path.glob("tags_*")) == [
        "tags_prepared_train.jsonl", "tags_prepared_valid.jsonl", "tags_prompt.yaml"]
    assert "--classification_n_classes 3" in said


def test_the_last_question_is_whether_to_write(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    with pytest.raises(Exception, match="Nothing was written"):
        asked(context, path, "y", "y", "y", "y", "n")
    with pytest.raises(Exception, match="not answered"):
        asked(context, path, "y")
    assert not list(tmp_path.glob("qa_*"))


def test_without_a_terminal_nothing_is_decided(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    code, out, said = run(context, "prepare", str(path))
    assert (code, out) == (REFUSED, "")
    assert "Give -q to take them all." in said
    assert "warning 7" in said
    assert not list(tmp_path.glob("qa_*"))


def test_without_a_terminal_what_needs_no_answer_is_done(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "qa.csv"
    path.write_text('prompt,completion\none ->," first thing END"\ntwo ->," second place END"\n')
    code, out, _ = run(context, "prepare", str(path))
    assert (code, len(out.splitlines())) == (0, 2)


def test_what_is_declined_beforehand_is_neither_done_nor_asked(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    run(context, "prepare", str(path), "-q", "--decline", "7", "--decline", "11")
    assert lines(tmp_path / "qa_prepared.jsonl")[1:3] == [("two", " second place\n")] * 2
    _, said = asked(context, path, "y", "y", "y", options=("--decline", "7", "--decline", "11"))
    assert re.findall(r"\[(\d+)\] [^\[]*\? \[Y/n\]", said) == ["14", "15"]


def test_classes_stay_in_one_file_if_that_is_wanted(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "tags.jsonl", TAGS)
    assert run(context, "prepare", str(path), "-q", "--no-split")[1].split("\n")[0].endswith("tags_prepared.jsonl")


def test_the_report_is_json(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    code, out, _ = run(context, "prepare", str(path), "-q", "--json")
    report: dict[str, Any] = json.loads(out)
    assert code == 0
    assert [one["id"] for one in report["findings"]] == [1, 7, 11, 14, 15]
    assert {one["id"]: one["rows"] for one in report["findings"]}[7] == [3]
    assert report["files"] == [str(tmp_path / "qa_prepared.jsonl")]
    assert report["format"] == {"prompt_end": " ->", "completion_start": " ", "completion_end": "\n"}


def test_a_refusal_is_json_too(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    code, out, _ = run(context, "prepare", str(path), "--json")
    assert (code, json.loads(out)["written"]) == (REFUSED, False)


def test_errors_are_findings_and_exit_2(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", [("same", "a"), ("same", "b")])
    code, out, said = run(context, "prepare", str(path), "-q", "--json")
    assert code == 2
    assert [one["level"] for one in json.loads(out)["findings"] if one["id"] == 11] == ["error"]
    assert "all prompts are the same" in said
    assert not list(tmp_path.glob("qa_*"))


def test_out_is_where_the_files_go(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    assert run(context, "prepare", str(path), "-q", "--out", str(tmp_path / "deep" / "out"))[0] == 0
    assert (tmp_path / "deep" / "out" / "qa_prepared.jsonl").exists()
    assert run(context, "prepare", str(path), "-q", "--out", str(path))[0] == 1


def test_a_definition_is_what_rows_are_fitted_to(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    definition = tmp_path / "qa.yaml"
    definition.write_text('pen: 1\ntitle: QA\nprompt: "Q: <q>"\ncompletion: <a>\nvars: [q, a]\n'
                          'format: {prompt-end: "\\nA:", completion-start: " ", completion-end: "\\n"}\n')
    code, out, _ = run(context, "prepare", str(path), "-q", "--prompt", str(definition), "--json")
    assert code == 0
    assert [one["id"] for one in json.loads(out)["findings"]] == [1, 7, 11, 14, 15]
    assert lines(tmp_path / "qa_prepared.jsonl")[0] == ("one\nA:", " first thing\n")
    assert not (tmp_path / "qa_prompt.yaml").exists()


@pytest.mark.parametrize(("arguments", "code"), [
    (("nothing.jsonl",), 1), ((".",), 1), (("FILE", "--prompt", "no-such"), 1), (("FILE", "--max-bad", "2"), 1),
    (("FILE", "--max-tokens", "0"), 1), (("FILE", "--decline", "16"), 1), ((), 1), (("nothing[1].jsonl",), 1),
])
def test_wrong_usage_is_one_sentence(context: Context, tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    path = str(table(tmp_path / "qa.jsonl", PAIRS))
    assert main(["prepare", "-q", *(path if one == "FILE" else one for one in arguments)], context=context,
                out=io.StringIO(), err=io.StringIO()) == code


def test_the_same_comes_over_the_link(context: Context, tmp_path: Path) -> None:
    path = table(tmp_path / "qa.jsonl", PAIRS)
    answers: queue.Queue[Any] = queue.Queue()
    dispatcher = Dispatcher(build_registry({"datasets": Datasets(context)}),
                            lambda data: answers.put(decode(data[6:])), pid=1)
    dispatcher.call(1, "datasets-prepare", [Symbol(":path"), str(path), Symbol(":out"), str(tmp_path / "out")])
    while (answer := answers.get(timeout=60))[0] != "call" or answer[3][2] not in ("done", "error"):
        pass
    assert answer[3][2] == "done"
    linked = fields(fields(answer[3][3])["value"])
    report = json.loads(run(context, "prepare", str(path), "-q", "--json", "--out", str(tmp_path / "other"))[1])
    names = ("id", "code", "level", "message", "where", "fix", "remedy")
    assert [[finding.get(name) for name in names] for finding in map(fields, linked["findings"])] == [
        [finding[name] for name in names] for finding in report["findings"]]
    assert fields(linked["format"]) == {name.replace("_", "-"): text for name, text in report["format"].items()}
    written = [[file.read_bytes() for file in sorted((tmp_path / name).iterdir())] for name in ("out", "other")]
    assert written[0] == written[1]

"""`pen dataset read`: what each reader sees, as JSON lines; warnings and faults go to stderr."""

import json
from pathlib import Path

import pytest

from pen_backend.dataset.sources import READERS
from pen_backend.service.context import Context
from tests.conftest import environment
from tests.dataset.sources.workbooks import sheet, workbook
from tests.shared import shared
from tests.transports.test_cli import run

FILES: dict[str, tuple[str, bytes, dict[str, object]]] = {
    "jokes": ("a.json", b'[{"title": "t", "body": "b", "score": 3}]',
              {"joke": "t b", "text": "t b", "title": "t", "body": "b", "score": 3}),
    "jsonl": ("a.jsonl", b'{"prompt": "p", "completion": " c", "n": 1}',
              {"segments": [{"text": "p", "weight": 0.0, "role": None}, {"text": " c", "weight": 1.0, "role": None}],
               "meta": {"n": 1}}),
    "org": ("a.org", b"* Kind\n- one\n", {"heading": "Kind", "item": "one", "text": "one"}),
    "table": ("a.csv", b"q,a\n1,2\n", {"q": "1", "a": "2", "text": "1 2"}),
    "text": ("a.txt", b" one \n", {"text": "one"}),
    "whatsapp": ("chat.txt", b"13/06/2018, 21:25 - Ann: Hello\n",
                 {"timestamp": "2018-06-13T21:25:00", "author": "Ann", "text": "Hello", "kind": "text"}),
    "transcript": ("a.srt", b"1\n00:00:01,500 --> 00:00:03,000\nHOST: Welcome.\n",
                   {"speaker": "HOST", "text": "Welcome.", "start": 1.5}),
    "chatgpt": ("a.json", json.dumps([{"title": "T", "current_node": "a", "mapping": {
        "u": {"message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}}},
        "a": {"message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["Yo"]}},
              "parent": "u"}}}]).encode(),
                {"segments": [{"text": "Hi", "weight": 0.0, "role": "user"},
                              {"text": "Yo", "weight": 1.0, "role": "assistant"}]}),
}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(environ=environment(tmp_path))


def test_every_reader_has_a_file_here() -> None:
    assert FILES.keys() == set(READERS)


@pytest.mark.parametrize("named", [True, False], ids=["named", "auto"])
@pytest.mark.parametrize("name", FILES)
def test_a_reader_prints_what_it_sees_with_its_origin(name: str, named: bool, context: Context, tmp_path: Path) -> None:
    file, content, expected = FILES[name]
    (tmp_path / file).write_bytes(content)
    options = ["--reader", name] if named else []
    code, out, said = run(context, "dataset", "read", *options, str(tmp_path / file))
    assert code == 0, said
    (line,) = out.splitlines()
    record = json.loads(line)
    assert {key: record[key] for key in expected} == expected
    assert record["origin"]["source"] == file
    assert record["origin"]["locator"].startswith("line ")
    assert len(record["origin"]["sha256"]) == 64


def test_what_cannot_be_used_is_printed_with_its_place_pointer_cause_and_fix(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"data": "a"}\n{"data": {"text_list": ["a", "b"], "loss_weights": [1]}}\n')
    code, out, said = run(context, "dataset", "read", str(tmp_path / "a.jsonl"))
    assert code == 0
    assert json.loads(out.splitlines()[1])["error"] == {
        "code": "weights-count", "where": "a.jsonl:2", "pointer": "/data/loss_weights",
        "message": "loss_weights has 1 entry for 2 texts", "hint": "give one weight for each text"}
    assert "1 data" in said


def test_a_warning_about_the_file_goes_to_stderr(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(workbook({"One": sheet([["q"], ["1"]]), "Two": sheet([["x"]])}))
    code, out, said = run(context, "dataset", "read", str(tmp_path / "a.xlsx"))
    assert (code, len(out.splitlines())) == (0, 1)
    assert "'Two'" in said


def test_what_was_read_before_a_file_breaks_is_printed_and_the_break_is_an_error(context: Context,
                                                                                tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ncaf\xe9\n")
    code, out, said = run(context, "dataset", "read", "--reader", "text", str(tmp_path / "a.txt"))
    assert code == 2
    assert json.loads(out)["text"] == "one"
    assert "a.txt:2" in said
    assert "0xe9 at offset 7" in said
    assert "encoding" in said


@pytest.mark.parametrize("name", ["formats/files/sharegpt.json"])
def test_a_shared_array_is_read_as_expected(name: str, context: Context) -> None:
    expected = next(case for case in json.loads(shared("data/formats/EXPECTED.json").read_text())["cases"]
                    if name.endswith(case["file"]))
    code, out, _ = run(context, "dataset", "read", str(shared(f"data/{name}")))
    assert code == 0
    found = [json.loads(line) for line in out.splitlines()]
    good = [each for each in found if "segments" in each]
    assert [each["segments"] for each in good] == [each["segments"] for each in expected["examples"]]
    assert [each["meta"]["id"] for each in good] == [each["id"] for each in expected["examples"]]
    bad = [each["error"] for each in found if "error" in each]
    assert len(bad) == len(expected["errors"])
    for error, due in zip(bad, expected["errors"], strict=True):
        assert all(word in error["message"] for word in due["says"])
        assert error["pointer"].startswith("/1/conversations")


def test_a_file_is_named_once(context: Context, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    (tmp_path / "b.jsonl.gz").write_bytes(b"no gzip")
    assert run(context, "dataset", "read", str(tmp_path / "a.jsonl"))[2].startswith("pen: a.jsonl is empty")
    assert run(context, "dataset", "read", str(tmp_path / "b.jsonl.gz"))[2].startswith("pen: b.jsonl.gz is not a whole")
    gone = run(context, "dataset", "read", str(tmp_path / "c.jsonl"))[2]
    assert gone.count("c.jsonl") == 1

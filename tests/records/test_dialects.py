"""Every dialect becomes the segments it means, and every fault in one has its code, place, cause and fix."""

import io
import json
import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.errors import DataError, Finding
from pen_backend.records import DIALECTS, LINE_LIMIT, Dialect, Example, parse_line, read_lines
from tests.shared import shared

Row = Mapping[str, object]
USER: Row = {"role": "user", "content": "u"}
ANSWER: Row = {"role": "assistant", "content": "a"}
OTHER: Row = {"role": "assistant", "content": "b"}


def parsed(row: object) -> tuple[Dialect, Example]:
    return parse_line(json.dumps(row), source="a.jsonl", line=1)


def segments(row: object) -> list[tuple[str, float, str | None]]:
    return [(segment.text, segment.weight, segment.role) for segment in parsed(row)[1].segments]


@pytest.mark.parametrize(("row", "dialect", "expected"), [
    ({"data": "a"}, "data", [("a", 1, None)]),
    ({"text": "a", "id": 3}, "text", [("a", 1, None)]),
    ({"data": {"text_list": ["a", "b"]}}, "text-list", [("a", 1, None), ("b", 1, None)]),
    ({"data": {"text_list": ["a", "b"], "loss_weights": [3, 0.7]}}, "text-list", [("a", 3, None), ("b", 0.7, None)]),
    ({"data": {"text_list": ["a"], "loss_weights": None}}, "text-list", [("a", 1, None)]),
    ({"prompt": "p", "completion": " c"}, "prompt-completion", [("p", 0, None), (" c", 1, None)]),
    ({"messages": [USER, ANSWER]}, "chat", [("u", 0, "user"), ("a", 1, "assistant")]),
    ({"prompt": [USER], "completion": [ANSWER]}, "chat", [("u", 0, "user"), ("a", 1, "assistant")]),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": text} for text in "xy"]}, ANSWER]}, "chat",
     [("xy", 0, "user"), ("a", 1, "assistant")]),
    ({"input": {"messages": [USER]}, "preferred_output": [ANSWER], "non_preferred_output": [OTHER]}, "preference",
     [("u", 0, "user"), ("a", 1, "assistant")]),
    ({"prompt": "p", "chosen": "c", "rejected": "r"}, "preference", [("p", 0, None), ("c", 1, None)]),
    ({"prompt": [USER], "chosen": [ANSWER], "rejected": [OTHER]}, "preference",
     [("u", 0, "user"), ("a", 1, "assistant")]),
    ({"chosen": [USER, ANSWER], "rejected": [USER, OTHER]}, "preference", [("u", 0, "user"), ("a", 1, "assistant")]),
    ({"chosen": "The sky is blue.", "rejected": "The sky isn't."}, "preference",
     [("The sky", 0, None), (" is blue.", 1, None)]),
    ({"segments": [{"label": False, "text": "q"}, {"label": True, "text": "a"}]}, "segments",
     [("q", 0, None), ("a", 1, None)]),
    ({"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}, "sharegpt",
     [("u", 0, "user"), ("a", 1, "assistant")]),
    ({"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a", "weight": 0},
                        {"from": "tool", "value": "t"}, {"from": "GPT", "value": "b"}], "system": "s"}, "sharegpt",
     [("s", 0, "system"), ("u", 0, "user"), ("a", 0, "assistant"), ("t", 0, "tool"), ("b", 1, "assistant")]),
    ({"conversations": [USER, ANSWER]}, "sharegpt", [("u", 0, "user"), ("a", 1, "assistant")]),
    ({"instruction": "i", "input": "x", "output": "o", "text": "all of it"}, "alpaca",
     [("i\n\nx", 0, None), ("o", 1, None)]),
    ({"instruction": "i", "input": "", "output": "o"}, "alpaca", [("i", 0, None), ("o", 1, None)]),
    ({"instruction": "i", "output": "o"}, "alpaca", [("i", 0, None), ("o", 1, None)]),
])
def test_a_row_becomes_segments(row: Row, dialect: Dialect, expected: list[tuple[str, float, str | None]]) -> None:
    assert parsed(row)[0] == dialect
    assert segments(row) == expected


def test_the_answer_that_is_not_preferred_is_kept_apart() -> None:
    _, openai = parsed({"input": {"messages": [USER], "tools": [{"type": "function"}]}, "preferred_output": [ANSWER],
                        "non_preferred_output": [OTHER]})
    assert openai.rejected is not None
    assert [one.text for one in openai.rejected] == ["b"]
    assert openai.tools == ({"type": "function"},)
    _, trl = parsed({"chosen": "The sky is blue.", "rejected": "The sky isn't."})
    assert trl.rejected is not None
    assert [one.text for one in trl.rejected] == [" isn't."]


def test_whatever_else_a_row_holds_is_kept_beside_it() -> None:
    assert parsed({"instruction": "i", "output": "o", "id": 7, "input": None})[1].meta == {"id": 7}
    assert parsed({"conversations": [USER, ANSWER], "tools": "for a template"})[1].meta == {"tools": "for a template"}


def text_list(*texts: object, weights: object = None) -> Row:
    return {"data": {"text_list": list(texts), **({} if weights is None else {"loss_weights": weights})}}


def chat(*messages: object) -> Row:
    return {"messages": list(messages)}


def share(*turns: object) -> Row:
    return {"conversations": list(turns)}


def choice(**more: object) -> Row:
    return {"input": {"messages": [USER]}, "preferred_output": [ANSWER], "non_preferred_output": [OTHER], **more}


FAULTS: Sequence[tuple[object, str, str | None, str]] = [
    ([1], "not-an-object", "", "found a list"),
    ({}, "no-data", "", "0 keys"),
    ({"data:": "x"}, "no-data", "/data:", "'data:'"),
    ({"Prompt": "x", "y": 1}, "no-data", "/Prompt", "2 keys"),
    ({"a/b~c": 1, "messags": []}, "no-data", "/messags", "'messags'"),
    ({"prompt": "a"}, "no-data", "", "no 'completion' key"),
    ({"prompt": "a", "Completion:": "b"}, "no-data", "", "'Completion:'"),
    ({"prompt": 3, "completion": "c"}, "text-list-type", "/prompt", "found a number"),
    ({"prompt": "a", "completion": None}, "text-list-type", "/completion", "found nothing"),
    ({"data": ["a"]}, "text-list-type", "/data", "found a list"),
    ({"text": True}, "text-list-type", "/text", "found a truth value"),
    (text_list(), "text-list-type", "/data/text_list", "an empty list"),
    ({"data": {"text_list": "a"}}, "text-list-type", "/data/text_list", "found a text"),
    (text_list("a", 3), "text-list-type", "/data/text_list/1", "text_list[1]"),
    ({"data": {"texts": ["a"]}}, "text-list-type", "/data/texts", "'texts'"),
    ({"data": {"a/b~": 1}}, "text-list-type", "/data/a~1b~0", "'a/b~'"),
    (text_list("a", "b", weights=[1]), "weights-count", "/data/loss_weights", "loss_weights has 1 entry for 2 texts"),
    (text_list("a", weights="1"), "weights-value", "/data/loss_weights", "list of numbers"),
    (text_list("a", weights=[-1]), "weights-value", "/data/loss_weights/0", "loss_weights[0] is -1"),
    (text_list("a", weights=[True]), "weights-value", "/data/loss_weights/0", "found a truth value"),
    (text_list("a", "b", weights=[1, 1e308]), "weights-value", "/data/loss_weights/1", "loss_weights[1] is 1e+308"),
    (text_list("a", "b", weights=[1, 1e-40]), "weights-value", "/data/loss_weights/1", "loss_weights[1] is 1e-40"),
    (text_list("a", "b", weights=[0, 0]), "weights-zero", "/data/loss_weights", "all loss weights are 0"),
    (chat(), "no-content", "/messages", "an empty list"),
    ({"messages": "hi"}, "no-content", "/messages", "found a text"),
    (chat("hi"), "message-key", "/messages/0", "found a text"),
    (chat({**USER, "contnt": 1}), "message-key", "/messages/0/contnt", "'contnt'"),
    (chat({**ANSWER, "name": 3}), "message-key", "/messages/0/name", "found a number"),
    ({**chat(USER, ANSWER), "tools": {}}, "message-key", "/tools", "found an object"),
    (chat({"content": "x"}), "role", "/messages/0/role", "found nothing"),
    (chat({"role": "robot", "content": "x"}), "role", "/messages/0/role", "found another text"),
    (chat(USER, {"role": "assistant"}), "no-content", "/messages/1/content", "found nothing"),
    (chat({**ANSWER, "content": [{"type": "image"}]}), "content-part", "/messages/0/content/0", "text parts"),
    (chat(USER), "no-assistant", "/messages", "nothing to learn"),
    (chat(USER, {**ANSWER, "weight": -0.5}), "weights-value", "/messages/1/weight", "weight is -0.5"),
    (chat(USER, {**ANSWER, "weight": "1"}), "weights-value", "/messages/1/weight", "found a text"),
    (chat(USER, {**ANSWER, "weight": 0}), "weights-zero", "/messages", "all loss weights are 0"),
    ({"prompt": [USER], "completion": "c"}, "no-content", "/completion", "found a text"),
    ({"prompt": [USER], "completion": [USER]}, "no-assistant", "/completion", "nothing to learn"),
    (choice(input=3), "preference", "/input", "found a number"),
    (choice(input={"messages": []}), "no-content", "/input/messages", "an empty list"),
    (choice(preferred_output=[USER]), "no-assistant", "/preferred_output", "nothing to learn"),
    (choice(non_preferred_output=[ANSWER]), "preference", "/non_preferred_output", "are equal"),
    ({"prompt": "p", "chosen": "c", "rejected": "c"}, "preference", "/rejected", "are equal"),
    ({"prompt": "p", "chosen": "c"}, "no-data", "", "no 'rejected' key"),
    ({"chosen": "c d", "rejected": "e f"}, "preference", "", "no beginning in common"),
    ({"chosen": [USER], "rejected": [USER, OTHER]}, "preference", "/rejected", "do not differ"),
    ({"chosen": [USER, ANSWER], "rejected": "b"}, "text-list-type", "/chosen", "found a list"),
    ({"segments": []}, "text-list-type", "/segments", "an empty list"),
    ({"segments": ["a"]}, "text-list-type", "/segments/0", "found a text"),
    ({"segments": [{"label": 1, "text": "a"}]}, "weights-value", "/segments/0/label", "true or false"),
    ({"segments": [{"label": True, "txt": "a"}]}, "no-data", "/segments/0", "'txt'"),
    ({"segments": [{"label": False, "text": "a"}]}, "weights-zero", "/segments", "all loss weights are 0"),
    (share(), "no-content", "/conversations", "an empty list"),
    (share("hi"), "message-key", "/conversations/0", "found a text"),
    (share({"from": "nobody", "value": "x"}), "role", "/conversations/0/from", "who speaks"),
    (share({"from": "human"}), "no-content", "/conversations/0", "no value"),
    (share({"from": "human", "value": 3}), "text-list-type", "/conversations/0/value", "found a number"),
    (share({"from": "gpt", "value": "x"}), "role", "/conversations/0", "conversation starts with the assistant"),
    (share({"from": "system", "value": "s"}, {"from": "gpt", "value": "x"}), "role", "/conversations/1", "starts with"),
    (share({"from": "human", "value": "x"}), "no-assistant", "/conversations", "nothing to learn"),
    ({"instruction": "i"}, "no-data", "", "no 'output' key"),
    ({"instruction": "i", "input": 3, "output": "o"}, "text-list-type", "/input", "found a number"),
]


@pytest.mark.parametrize(("row", "code", "pointer", "says"), FAULTS)
def test_a_fault_has_its_code_place_cause_and_fix(row: object, code: str, pointer: str | None, says: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_line(json.dumps(row), source="a.jsonl", line=7)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where, finding.pointer) == (code, "a.jsonl:7", pointer)
    assert says in finding.message
    assert finding.hint


@pytest.mark.parametrize(("raw", "code", "says"), [
    (b"", "json", "column 1"), (b'{"data": x}', "json", "column 10"), (b"[" * 9000, "json", "column"),
    (b'{"data": "a" "b"}', "json", "column 14"), (b'{"data": "\xff"}', "encoding", "0xff at offset 10"),
    (b'{"data": NaN}', "nan", "column 10"), (b'{"data": -Infinity}', "nan", "not finite"),
    (b'{"data": 1e999}', "nan", "column 10"), (b"9" * 6000, "nan", "column 1"),
    (b'{"data": "\\ud800"}', "surrogate", "half of a surrogate pair"),
    (b'{"data": "\\udc00\\ud800"}', "surrogate", "half of a surrogate pair"),
    (b'"' + b"x" * LINE_LIMIT + b'"', "line-too-long", "1,000,000 bytes"),
])
def test_a_line_that_is_no_strict_json_has_its_code_and_column(raw: bytes, code: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_line(raw, source="a.jsonl", line=7)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == (code, "a.jsonl:7")
    assert says in finding.message
    assert finding.hint


def test_a_weight_that_python_would_write_is_no_number_of_a_line() -> None:
    line = json.dumps(text_list("a", weights=[math.nan])).encode()
    (finding,) = read_lines(io.BytesIO(line), source="a")
    assert isinstance(finding, Finding)
    assert finding.code == "nan"


WORDS = ["data", "text_list", "loss_weights", "messages", "role", "content", "prompt", "completion", "chosen", "value",
         "rejected", "input", "weight", "preferred_output", "non_preferred_output", "tools", "name", "conversations",
         "from", "instruction", "output", "segments", "label", "text", "system", "x", "tool_calls"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["user", "assistant"])
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(WORDS), inner, max_size=4), max_leaves=14)


@given(st.dictionaries(st.sampled_from(WORDS), JSON, max_size=5))
def test_any_row_is_an_example_or_one_finding_with_a_fix(row: dict[str, object]) -> None:
    (result,) = read_lines(io.BytesIO(json.dumps(row).encode()), source="a")
    if isinstance(result, Finding):
        assert result.hint
        assert result.where == "a:1"
    else:
        assert result[1] in DIALECTS
        assert any(segment.weight > 0 for segment in result[2].segments)


@pytest.mark.parametrize("name", ["text_list.jsonl", "openai_chat.jsonl", "openai_dpo.jsonl",
                                  "axolotl_input_output.jsonl"])
def test_the_shared_rows_are_read_as_expected(name: str) -> None:
    case = next(case for case in json.loads(shared("data/formats/EXPECTED.json").read_text())["cases"]
                if case["file"] == f"files/{name}")
    with shared(f"data/formats/files/{name}").open("rb") as stream:
        results = list(read_lines(stream, source="a"))
    found = [result for result in results if not isinstance(result, Finding)]
    assert [(line, [(s.text, s.weight, s.role) for s in one.segments]) for line, _, one in found] == [
        (one["line"], [(s["text"], s["weight"], s["role"]) for s in one["segments"]]) for one in case["examples"]]
    assert [None if one.rejected is None else [s.text for s in one.rejected] for _, _, one in found] == [
        one.get("rejected") for one in case["examples"]]
    assert [bool(one.tools) for _, _, one in found] == [bool(one.get("tools")) for one in case["examples"]]
    findings = [result for result in results if isinstance(result, Finding)]
    assert [finding.where for finding in findings] == [f"a:{error['line']}" for error in case["errors"]]
    for finding, error in zip(findings, case["errors"], strict=True):
        assert all(word.lower() in str(finding).lower() for word in error["says"])

"""Training lines: dialects, weights, findings, and no other exception whatever the bytes are."""

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_backend.errors import DataError, Finding
from pen_backend.records import (
    HYPERPARAMETERS,
    LINE_LIMIT,
    Dialect,
    Example,
    Origin,
    Segment,
    auto_epochs,
    check_hyperparameters,
    example_id,
    make_example,
    parse_line,
    read_lines,
    to_line,
)
from tests.shared import shared

ORIGIN = Origin("a.jsonl", "", "line 1")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WEIGHT = st.floats(0, 100, allow_nan=False)


def parsed(line: object, **more: float) -> tuple[Dialect, Example]:
    return parse_line(json.dumps(line), source="a.jsonl", line=1, **more)


def weights(line: object, **more: float) -> list[float]:
    return [segment.weight for segment in parsed(line, **more)[1].segments]


def code(line: object) -> str:
    raw = line if isinstance(line, bytes | str) else json.dumps(line)
    with pytest.raises(DataError) as caught:
        parse_line(raw, source="a.jsonl", line=7)
    (finding,) = caught.value.findings
    assert finding.where == "a.jsonl:7"
    return finding.code


def test_every_dialect_is_recognised() -> None:
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    preference = {"input": {"messages": chat["messages"][:1]}, "preferred_output": chat["messages"][1:],
                  "non_preferred_output": [{"role": "assistant", "content": "c"}]}
    lines = [{"data": "a"}, {"text": "a"}, {"data": {"text_list": ["a"]}}, {"prompt": "a", "completion": "b"}, chat,
             preference, {"prompt": "a", "chosen": "b", "rejected": "c"}]
    assert [parsed(line)[0] for line in lines] == [
        "data", "text", "text-list", "prompt-completion", "chat", "preference", "preference"]


def test_weights_are_taken_as_given_and_need_no_sum() -> None:
    assert weights({"data": {"text_list": ["a", "b"], "loss_weights": [0.1, 1]}}) == [0.1, 1]
    assert weights({"data": {"text_list": ["a", "b"]}}) == [1, 1]


def test_prompts_weigh_what_the_job_says() -> None:
    assert weights({"prompt": "a", "completion": "b"}) == [0, 1]
    assert weights({"prompt": "a", "completion": "b"}, prompt_loss_weight=0.25) == [0.25, 1]


def test_assistants_weigh_one_and_others_nothing_unless_they_say_so() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u", "weight": 0.5},
                {"role": "assistant", "content": "a", "weight": 0}, {"role": "assistant", "content": "b"}]
    assert weights({"messages": messages}) == [0, 0.5, 0, 1]


def test_tool_calls_are_kept_verbatim() -> None:
    call = [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [{"role": "user", "content": "u"}, {"role": "assistant", "content": None, "tool_calls": call}]
    _, example = parsed({"messages": messages, "tools": [{"type": "function"}]})
    assert example.segments[1].extra == {"tool_calls": call}
    assert example.tools == ({"type": "function"},)


def test_unknown_keys_beside_a_row_are_kept_as_meta() -> None:
    assert parsed({"prompt": "a", "completion": "b", "id": 3})[1].meta == {"id": 3}


@pytest.mark.parametrize(("line", "expected"), [
    (b"", "json"), (b"{", "json"), (b"[" * 9000, "json"), (b"9" * 6000, "nan"), (b"[-Infinity]", "nan"),
    (b"\xff", "encoding"),
    (b'{"data": NaN}', "nan"), (b'{"data": 1e999}', "nan"), (b'{"data": "\\ud800"}', "surrogate"),
    (b'"' + b"x" * LINE_LIMIT + b'"', "line-too-long"), ([], "not-an-object"), ({}, "no-data"),
    ({"data:": "x"}, "no-data"),
    ({"prompt": "a"}, "no-data"), ({"data": 3}, "text-list-type"), ({"data": {"text_list": []}}, "text-list-type"),
    ({"data": {"text_list": ["a", 3]}}, "text-list-type"), ({"data": {"texts": ["a"]}}, "text-list-type"),
    ({"data": {"text_list": ["a", "b"], "loss_weights": [1]}}, "weights-count"),
    ({"data": {"text_list": ["a"], "loss_weights": [-1]}}, "weights-value"),
    ({"data": {"text_list": ["a"], "loss_weights": [True]}}, "weights-value"),
    ({"data": {"text_list": ["a"], "loss_weights": [0]}}, "weights-zero"),
    ({"messages": []}, "no-content"), ({"messages": [{"role": "user", "content": "u"}]}, "no-assistant"),
    ({"messages": [{"role": "robot", "content": "u"}]}, "role"),
    ({"messages": [{"role": "assistant", "contnt": "u"}]}, "message-key"),
    ({"messages": [{"role": "assistant"}]}, "no-content"),
    ({"messages": [{"role": "assistant", "content": [{"type": "image_url"}]}]}, "content-part"),
    ({"input": 3, "preferred_output": []}, "preference"),
])
def test_a_bad_line_has_one_finding_with_its_code(line: object, expected: str) -> None:
    assert code(line) == expected


def test_a_mistyped_key_is_named_with_the_right_one() -> None:
    with pytest.raises(DataError, match="did you mean 'data'"):
        parsed({"data:": "x"})


def test_messages_never_quote_the_text() -> None:
    with pytest.raises(DataError) as caught:
        parsed({"data": {"text_list": ["secret", 5], "loss_weights": [1]}})
    assert "secret" not in str(caught.value)


@given(st.binary(max_size=300) | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_raise_anything_but_a_data_error(raw: bytes) -> None:
    for result in read_lines(io.BytesIO(raw), source="a"):
        assert isinstance(result, Finding) or isinstance(result[2], Example)


KEYS = ["data", "text_list", "loss_weights", "messages", "role", "content", "prompt", "completion", "chosen",
        "rejected", "input", "weight", "preferred_output", "tools", "name", "x"]
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner:
                    st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner), max_leaves=12)


@given(JSON)
def test_no_json_raises_anything_but_a_data_error(value: object) -> None:
    (result,) = read_lines(io.BytesIO(json.dumps(value).encode()), source="a")
    assert isinstance(result, Finding) or any(segment.weight > 0 for segment in result[2].segments)


@given(st.lists(st.tuples(TEXT, WEIGHT), min_size=1, max_size=5))
def test_a_text_list_survives_the_round_trip(pieces: list[tuple[str, float]]) -> None:
    if not any(weight for _, weight in pieces):
        pieces = [*pieces, ("end", 1.0)]
    example = make_example([Segment(text, weight) for text, weight in pieces], origin=ORIGIN)
    assert parse_line(to_line(example, "text-list"), source="a", line=1)[1].id == example.id


@given(TEXT, TEXT)
def test_a_prompt_and_completion_survive_the_round_trip(prompt: str, completion: str) -> None:
    example = make_example([Segment(prompt, 0.5), Segment(completion)], origin=ORIGIN)
    line = to_line(example, "prompt-completion", prompt_loss_weight=0.5)
    assert parse_line(line, source="a", line=1, prompt_loss_weight=0.5)[1].segments == example.segments


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), TEXT, WEIGHT), max_size=4))
def test_a_chat_survives_the_round_trip(turns: list[tuple[str, str, float]]) -> None:
    segments = [Segment(text, weight, role) for role, text, weight in turns] + [Segment("end", 1, "assistant")]
    example = make_example(segments, origin=ORIGIN)
    assert parse_line(to_line(example, "chat"), source="a", line=1)[1].segments == example.segments


@pytest.mark.parametrize(("segments", "dialect"), [
    ([Segment("a", 0.3), Segment("b", 0.7)], "prompt-completion"), ([Segment("a"), Segment("b")], "data"),
    ([Segment("a")], "chat"), ([Segment("a", 1, "assistant")], "text-list"), ([Segment("a")], "preference"),
])
def test_an_export_that_would_lose_something_is_refused(segments: list[Segment], dialect: Dialect) -> None:
    with pytest.raises(DataError) as caught:
        to_line(make_example(segments, origin=ORIGIN), dialect)
    assert caught.value.findings[0].code == "lossy"


def test_an_id_depends_on_texts_and_weights_alone() -> None:
    here = make_example([Segment("a")], origin=ORIGIN, label="x", meta={"n": 1})
    there = make_example([Segment("a")], origin=Origin("b", "1", "row 2"))
    assert here.id == there.id == example_id([Segment("a")])
    assert here.id != example_id([Segment("a", 0.5)])
    assert len(here.id) == 16


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_an_example_with_an_impossible_weight_is_refused(weight: float) -> None:
    with pytest.raises(DataError):
        make_example([Segment("a", weight)], origin=ORIGIN)


def test_lines_are_counted_with_blank_ones_and_read_with_any_end() -> None:
    stream = io.BytesIO(b'\xef\xbb\xbf{"data": "a"}\r\n\r\n \n{"data": "b"}')
    lines = [result[0] for result in read_lines(stream, source="a") if not isinstance(result, Finding)]
    assert lines == [1, 4]


def test_an_endless_line_is_one_finding_and_hides_nothing() -> None:
    stream = io.BytesIO(b'{"data": "a"}\n' + b"x" * (3 * LINE_LIMIT) + b'\n{"data": "b"}\n')
    results = list(read_lines(stream, source="a"))
    assert [getattr(result, "code", None) for result in results] == [None, "line-too-long", None]


def test_text_alone_is_no_row_in_a_file_of_data_rows() -> None:
    results = list(read_lines(io.BytesIO(b'{"text": "a"}\n{"data": "b"}\n{"text": "c"}\n'), source="a"))
    assert [getattr(result, "code", None) for result in results] == [None, None, "no-data"]


def test_the_shared_text_lists_are_read_as_expected() -> None:
    expected = json.loads(shared("data/formats/EXPECTED.json").read_text())["cases"]
    for case in (case for case in expected if case["file"] in (
            "files/text_list.jsonl", "files/openai_chat.jsonl", "files/openai_dpo.jsonl")):
        with shared(f"data/formats/{case['file']}").open("rb") as stream:
            results = list(read_lines(stream, source="a"))
        found = [result for result in results if not isinstance(result, Finding)]
        assert [(line, [(s.text, s.weight, s.role) for s in example.segments]) for line, _, example in found] == [
            (one["line"], [(s["text"], s["weight"], s["role"]) for s in one["segments"]]) for one in case["examples"]]
        findings = {finding.where: str(finding) for finding in results if isinstance(finding, Finding)}
        assert set(findings) == {f"a:{error['line']}" for error in case["errors"]}
        for error in case["errors"]:
            assert all(word.lower() in findings[f"a:{error['line']}"].lower() for word in error["says"])


@pytest.mark.parametrize(("name", "value"), [
    ("n_epochs", 0), ("n_epochs", "2"), ("n_epochs", True), ("batch_size", 1.5), ("learning_rate", 0),
    ("learning_rate_multiplier", math.inf), ("tune", "half"), ("suffix", "x" * 65), ("completion_prompts", ["a"] * 17),
    ("completion_prompts", [1]), ("lora", 3), ("seed", -1), ("prompt_loss_weight", 1.1), ("epochs", 3),
])
def test_a_wrong_job_option_is_refused(name: str, value: object) -> None:
    with pytest.raises(DataError, match=name):
        check_hyperparameters({name: value})


def test_right_job_options_pass_with_hyphens_too() -> None:
    check_hyperparameters({"n-epochs": "auto", "batch_size": 4, "learning-rate-multiplier": 2, "checkpoint_seconds": 0,
                           "completion_prompts": ["a"], "tune": "lora", "seed": None})


def test_every_default_is_a_value_its_option_takes() -> None:
    assert [name for name, option in HYPERPARAMETERS.items() if option.problem(option.default)] == []


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(DataError) as caught:
        check_hyperparameters({"n_epoch": 1, "seed": -1, "learning_rate": 0.1, "learning_rate_multiplier": 2})
    assert len(caught.value.findings) == 3
    assert "n_epochs" in str(caught.value.findings[0])


@pytest.mark.parametrize(("examples", "epochs"), [
    (0, 3), (1, 25), (4, 25), (10, 10), (33, 3), (34, 3), (270, 3), (8333, 3), (9000, 2), (25_000, 1), (90_000, 1)])
def test_epochs_follow_the_number_of_examples(examples: int, epochs: int) -> None:
    assert auto_epochs(examples) == epochs

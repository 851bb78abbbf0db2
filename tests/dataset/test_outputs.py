"""Every output format: what can be written without a loss, what is refused with its first example, what may be lost."""

import json
from pathlib import Path

import pytest

from pen_backend.dataset.build import Build
from pen_backend.errors import DataError
from tests.dataset import CONTINUATION, REPLY, ROWS, accounted, puns, questions, run

RECORDS = questions(20)
MESSAGES = [{"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "so", "weight": 0.5}]}
            for text in puns(20)]
PAIRS = [{"prompt": text, "chosen": f"good {number}", "rejected": "bad"} for number, text in enumerate(puns(20))]


def made(where: Path, entries: object, output: str, prompt: str = ROWS, example: str = "boundary: keep") -> Build:
    assert isinstance(entries, list)
    content = "\n".join(json.dumps(one) for one in entries)
    done = run(where, content, prompt=prompt, reader_name="jsonl",
               training=f"{{output: {{{output}}}, example: {{{example}}}}}")
    accounted(done)
    return done


def first(done: Build) -> dict[str, object]:
    row = json.loads((done.directory / "train.jsonl").read_text().splitlines()[0])
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize(("entries", "prompt", "output", "keys"), [
    (RECORDS, ROWS, "format: text-list", ["data"]),
    (RECORDS, ROWS, "format: prompt-completion", ["prompt", "completion"]),
    (RECORDS, ROWS, "format: chat, lossy: zero-one", ["messages"]), (RECORDS, REPLY, "format: chat", ["messages"]),
    (RECORDS, REPLY, "shard-mb: 1", ["messages"]), (MESSAGES, ROWS, "shard-mb: 1", ["messages"]),
    (PAIRS, ROWS, "format: preference", ["prompt", "chosen", "rejected"]),
    (PAIRS, ROWS, "shard-mb: 1", ["prompt", "chosen", "rejected"])])
def test_what_loses_nothing_is_written(entries: object, prompt: str, output: str, keys: list[str],
                                       tmp_path: Path) -> None:
    assert list(first(made(tmp_path, entries, output, prompt))) == keys


@pytest.mark.parametrize(("entries", "prompt", "output", "example"), [
    (RECORDS, ROWS, "format: chat", "boundary: keep"), (RECORDS, ROWS, "format: preference", "boundary: keep"),
    (RECORDS, ROWS, "format: prompt-completion", "loss-weights: [0.1, 0.9]"),
    (RECORDS, REPLY, "format: text-list", "boundary: keep"), (PAIRS, ROWS, "format: text-list", "boundary: keep"),
    (PAIRS, ROWS, "format: prompt-completion, lossy: zero-one", "boundary: keep"),
    (MESSAGES, ROWS, "format: prompt-completion, lossy: zero-one", "boundary: keep")])
def test_what_would_lose_something_is_refused_with_its_first_example(entries: object, prompt: str, output: str,
                                                                     example: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="without a loss") as caught:
        made(tmp_path, entries, output, prompt, example)
    assert caught.value.findings[0].code == "lossy"
    assert str(caught.value.where).startswith("region")
    assert not (tmp_path / "out").exists()


def test_weights_may_be_lost_where_the_definition_says_so(tmp_path: Path) -> None:
    weighted = "loss-weights: [0.3, 0.7]"
    row = first(made(tmp_path / "a", RECORDS, "format: prompt-completion, lossy: zero-one", example=weighted))
    assert row.keys() == {"prompt", "completion"}
    messages = first(made(tmp_path / "b", RECORDS, "format: chat, lossy: zero-one", example=weighted))["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert not any("weight" in message for message in messages)


def test_the_jobs_own_weight_of_prompts_is_no_loss(tmp_path: Path) -> None:
    content = "\n".join(json.dumps(one) for one in RECORDS)
    done = run(tmp_path, content, prompt=ROWS, reader_name="jsonl", training="{output: {format: prompt-completion}, "
               "example: {loss-weights: [0.1, 1]}, job: {prompt-loss-weight: 0.1}}")
    assert first(done).keys() == {"prompt", "completion"}


def test_lists_are_written_in_both_formats_of_texts(tmp_path: Path) -> None:
    for output, keys in (("text-list", {"data"}), ("prompt-completion", {"prompt", "completion"})):
        done = run(tmp_path / output, "\n".join(puns(20)), prompt=CONTINUATION,
                   training=f"{{output: {{format: {output}}}, example: {{build: continuation}}}}")
        assert first(done).keys() == keys

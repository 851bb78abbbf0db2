"""Who joins a batch when, told by a decoder that only counts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pen_backend.engine.nn.answers import Answer
from pen_backend.engine.nn.batching import OF_ONE, Batch
from pen_backend.engine.nn.chat import ChatFormat
from pen_backend.engine.nn.generation import Copy, Part, Row
from pen_backend.engine.nn.rendering import Renderer
from pen_backend.engine.nn.requests import read_request
from pen_backend.engine.nn.vocabulary import Vocabulary


class Counting:
    """Finds every token but the reserved ones equally likely, and remembers what it was fed."""

    def __init__(self, size: int, *, chunk: int = 8, parallel: int = 20, copies: bool = False) -> None:
        self.chunk, self.parallel = chunk, parallel
        self.copy: Copy | None = self._copy if copies else None
        self.read: dict[Row, int] = {}
        self.steps: list[list[tuple[str, int]]] = []
        self._logits = torch.zeros(size)
        self._logits[:4] = -1e9

    def feed(self, parts: Sequence[Part]) -> Tensor:
        for row, ids in parts:
            read = self.read.get(row, 0)
            assert list(ids) == [*row.prompt_ids, *(token.id for token in row.tokens)][read : read + len(ids)]
            self.read[row] = read + len(ids)
        assert len(self.read) <= self.parallel
        self.steps.append([("prompt" if self.read[row] <= len(row.prompt_ids) else "token", len(ids))
                           for row, ids in parts])
        return self._logits.repeat(len(parts), 1)

    def _copy(self, row: Row, to: Row) -> None:
        self.read[to] = self.read[row]

    def leave(self, row: Row) -> None:
        self.read.pop(row, None)

    def score(self, prompts: Sequence[Sequence[int]], adapter: Path | None) -> list[Tensor]:
        raise AssertionError("nothing is scored here")


@pytest.fixture
def decoder(vocabulary: Vocabulary) -> Counting:
    return Counting(vocabulary.size)


def answer(vocabulary: Vocabulary, name: str, **frame: Any) -> Answer:
    given = {"id": name, "prompts": [[10, 11, 12]], "max_tokens": 4, "seed": 1, **frame}
    return Answer(vocabulary, read_request(given, vocabulary, 256, ChatFormat(vocabulary, Renderer())))


def ends(batch: Batch, *answers: Answer) -> list[str]:
    """Step until all is done; return the names in the order they ended."""
    found: list[str] = []
    while batch.busy:
        batch.step()
        found += [each.request.id for each in answers if each.done and each.request.id not in found]
    return found


def test_prompts_are_read_in_chunks_with_steps_of_the_others_between(vocabulary: Vocabulary, decoder: Counting) -> None:
    batch = Batch(decoder)
    first, long = answer(vocabulary, "first", max_tokens=5), answer(vocabulary, "long", prompts=[list(range(10, 60))])
    batch.add(first)
    batch.step()
    batch.add(long)

    assert ends(batch, first, long) == ["first", "long"]
    assert "".join(step[0][0][0] for step in decoder.steps) == "p" + "pt" + "ppt" * 2 + "ppt" + "tt"
    assert [count for step in decoder.steps for kind, count in step if kind == "prompt"] == [3, *[8] * 6, 2]


def test_short_prompts_are_read_together(vocabulary: Vocabulary, decoder: Counting) -> None:
    batch = Batch(decoder)
    batch.add(answer(vocabulary, "a", n=5))
    batch.step()
    batch.step()

    assert decoder.steps == [[("prompt", 3)] * 2] * 2


def test_choices_of_a_prompt_read_it_once(vocabulary: Vocabulary) -> None:
    decoder = Counting(vocabulary.size, copies=True)
    batch = Batch(decoder)
    alike, other = answer(vocabulary, "alike", n=5, prompts=[list(range(10, 30))]), answer(vocabulary, "other")
    batch.add(alike)
    batch.add(other)

    assert sorted(ends(batch, alike, other)) == ["alike", "other"]
    assert sum(count for step in decoder.steps for kind, count in step if kind == "prompt") == 20 + 3
    assert alike.usage.completion_tokens == 20


def test_one_request_leaves_room_for_others(vocabulary: Vocabulary, decoder: Counting) -> None:
    batch = Batch(decoder)
    many, one = answer(vocabulary, "many", n=100, max_tokens=30), answer(vocabulary, "one")
    batch.add(many)
    for _ in range(20):
        batch.step()
    rows = len(decoder.read)
    batch.add(one)

    assert rows == OF_ONE
    assert ends(batch, many, one) == ["one", "many"]
    assert many.usage.completion_tokens == 100 * 30


def test_waiting_requests_take_turns(vocabulary: Vocabulary) -> None:
    batch = Batch(Counting(vocabulary.size, parallel=2))
    answers = [answer(vocabulary, "many", n=30), answer(vocabulary, "one"), answer(vocabulary, "other")]
    for each in answers:
        batch.add(each)

    assert ends(batch, *answers) == ["one", "other", "many"]


def test_a_dropped_request_is_gone_before_the_next_step(vocabulary: Vocabulary, decoder: Counting) -> None:
    batch = Batch(decoder)
    gone, stays = answer(vocabulary, "gone", n=40), answer(vocabulary, "stays")
    batch.add(gone)
    batch.add(stays)
    for _ in range(4):
        batch.step()
    batch.drop(gone)
    made = gone.usage.completion_tokens

    assert len(decoder.read) == 1
    assert ends(batch, stays) == ["stays"]
    assert gone.usage.completion_tokens == made
    assert not decoder.read

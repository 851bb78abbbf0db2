"""Continuous batching: rows of many requests share the steps of a decoder, and join and leave at any of them.

Prompts go first, a chunk at a time, so that a first token does not wait for a place; in between everybody moves on.
"""

from collections import deque
from dataclasses import dataclass, field

from torch import Tensor

from pen_backend.engine.nn.answers import Answer
from pen_backend.engine.nn.generation import Decoder, Part, Row, take

OF_ONE = 16
"""Rows of one request that are written side by side; there is room beside them for others."""
READING = 2
"""Chunks of prompts that are read before the rows in progress move on again."""


@dataclass(slots=True, eq=False)
class _Running:
    """A row in the batch: whose it is, and how much of its prompt has been read."""

    row: Row
    answer: Answer
    read: int = 0


@dataclass(slots=True)
class Batch:
    """The rows that a decoder works on, and the requests that have more of them."""

    decoder: Decoder
    _waiting: deque[Answer] = field(default_factory=deque)
    _running: list[_Running] = field(default_factory=list)
    _touched: dict[Answer, None] = field(default_factory=dict)
    _in_a_row: int = 0

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._waiting or self._running)

    def add(self, answer: Answer) -> None:
        """Let a request's rows join as there is room."""
        self._waiting.append(answer)

    def drop(self, answer: Answer) -> None:
        """Take a request out at once."""
        if answer in self._waiting:
            self._waiting.remove(answer)
        self._leave([each for each in self._running if each.answer is answer])

    def step(self) -> list[Answer]:
        """Read a chunk of prompts, or take every row a token further; return the answers that have more to show."""
        self._touched.clear()
        self._join()
        reading = [each for each in self._running if each.read < len(each.row.prompt_ids)]
        writing = [each for each in self._running if each.read == len(each.row.prompt_ids)]
        if reading and (not writing or self._in_a_row < READING):
            self._in_a_row += 1
            self._read(reading)
        elif writing:
            self._in_a_row = 0
            self._take(writing, self.decoder.feed([(each.row, (each.row.tokens[-1].id,)) for each in writing]))
        return list(self._touched)

    def _join(self) -> None:
        """Let rows in while there is room, of each waiting request in turn."""
        passed = 0
        while passed < len(self._waiting) and len(self._running) < self.decoder.parallel:
            answer = self._waiting[0]
            if sum(each.answer is answer for each in self._running) >= OF_ONE:
                self._waiting.rotate(-1)
                passed += 1
                continue
            row = answer.next_row()
            self._touched[answer] = None
            if row is None:
                self._waiting.popleft()
            else:
                self._running.append(_Running(row, answer))
                self._waiting.rotate(-1)
                passed = 0

    def _read(self, reading: list[_Running]) -> None:
        """Read a chunk of prompts; choices that begin alike are read once, if the decoder can copy what it has read."""
        copy = self.decoder.copy
        alike: dict[int, list[_Running]] = {}
        for each in reading:
            alike.setdefault(id(each if copy is None else each.row.prompt_ids), []).append(each)
        room = self.decoder.chunk
        parts: list[Part] = []
        done: list[tuple[_Running, int]] = []
        for first, *others in alike.values():
            ids = first.row.prompt_ids[first.read : first.read + room]
            if parts and len(ids) < len(first.row.prompt_ids) - first.read:
                break
            first.read += len(ids)
            room -= len(ids)
            if first.read == len(first.row.prompt_ids):
                done += [(each, len(parts)) for each in (first, *others)]
            parts.append((first.row, ids))
            if room <= 0:
                break
        logits = self.decoder.feed(parts)
        for each, place in done:
            if copy is not None and each.row is not parts[place][0]:
                copy(parts[place][0], each.row)
                each.read = len(each.row.prompt_ids)
        if done:
            self._take([each for each, _ in done], logits[[place for _, place in done]])

    def _take(self, running: list[_Running], logits: Tensor) -> None:
        take([each.row for each in running], logits)
        for each in running:
            each.answer.taken(each.row)
            self._touched[each.answer] = None
        self._leave([each for each in running if each.row.finished])

    def _leave(self, running: list[_Running]) -> None:
        for each in running:
            self.decoder.leave(each.row)
            self._running.remove(each)

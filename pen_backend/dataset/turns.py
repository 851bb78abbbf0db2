"""Turn a chat or a transcript into replies, each with what was said before it (datasets.md, section 5).

Messages that one author writes shortly after each other are one turn. A long silence begins a new conversation, and no
context reaches across it.
"""

import glob
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pen_backend.dataset.record import Read, Record, Rejected
from pen_backend.dataset.sources.people import nobody, plain_name, unknown_person
from pen_backend.errors import Finding
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import ExampleSpec
from pen_backend.words import count

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SILENT = frozenset(("system", "call"))  # kinds of messages in which nobody says anything
_PEOPLE_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Turns:
    """How turns are made: whose replies, after how many other turns, and the lengths of silences in seconds.

    LISTS are the prompt's list variables; they get the context as a list, all others as lines.
    """

    reply_by: str | None
    context: int
    gap: float
    merge_within: float
    lists: frozenset[str]

    @staticmethod
    def of(spec: ExampleSpec, lists: Iterable[str]) -> "Turns":
        """Take them from a definition's `example:`."""
        return Turns(spec.reply_by, spec.context, _seconds(spec.gap), _seconds(spec.merge_within), frozenset(lists))


@dataclass(slots=True)
class _Turn:
    """What one author says at a time."""

    record: Record
    author: str | None
    texts: list[str]
    start: float | None
    end: float | None

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


def replies(reads: Iterable[Read], turns: Turns, source: Source) -> Iterator[Read]:
    """Yield a record a reply, with the fields reply, author, timestamp, context and session.

    Lines that are no turns are rejected; a turn that is only context is part of the records it stands before.
    DataError if nobody in the file is the one whose replies are wanted.
    """
    making = _Making(turns, source)
    for each in reads:
        if isinstance(each, Record):
            yield from making.message(each)
        else:
            yield each
    yield from making.finished()


class _Making:
    """The turns of one document, as its messages come in."""

    def __init__(self, turns: Turns, source: Source) -> None:
        self._turns = turns
        self._source = source
        wanted = turns.reply_by or source.user
        self._wanted = None if wanted is None else plain_name(wanted)
        self._named = source.include_user is not False
        self._listed = any("context" in source.fields.get(name, (name,)) for name in turns.lists)
        self._before: deque[str] = deque(maxlen=turns.context)
        self._turn: _Turn | None = None
        self._people: dict[str, None] = {}
        self._messages = self._count = self._replies = 0
        self._session = 1
        self._place = ""

    def message(self, record: Record) -> Iterator[Read]:
        """Take the next message; yield the reply that it ends, if it ends one."""
        fields = record.fields
        text = str(fields.get("text") or "").strip()
        self._place = record.origin.source
        if fields.get("kind") in _SILENT:
            yield Rejected(record.origin, "filtered", f"a line of kind {fields['kind']} is no turn", dict(fields))
            return
        if not text:
            yield Rejected(record.origin, "empty", "the message has no text", dict(fields))
            return
        self._messages += 1
        author = _author(fields)
        start, end = _moments(fields)
        turn = self._turn
        if turn is not None:
            apart = _apart(turn, start)
            new = self._is_new(turn, record, apart)
            if not new and author is not None and author == turn.author and (
                    apart is None or apart <= self._turns.merge_within):
                turn.texts.append(text)
                turn.end = end
                return
            yield from self._spoken()
            if new:
                self._before.clear()
                self._session += 1
        self._turn = _Turn(record, author, [text], start, end)

    def finished(self) -> Iterator[Read]:
        """Yield the last reply, and say how many there were."""
        yield from self._spoken()
        if self._wanted is not None and not self._replies and self._count:
            yield self._nobody()
        elif self._messages:
            yield Finding("turns", f"{count(self._messages, 'message')} in {count(self._count, 'turn')}, "
                          f"{self._replies} of them replies",
                          self._place, level="note")

    def _is_new(self, turn: _Turn, record: Record, apart: float | None) -> bool:
        """Say whether a message begins a new conversation."""
        other = turn.record.fields.get("conversation") != record.fields.get("conversation")
        return other or (apart is not None and apart > self._turns.gap)

    def _spoken(self) -> Iterator[Record]:
        """Finish the turn that was collected."""
        turn, self._turn = self._turn, None
        if turn is None:
            return
        self._count += 1
        if turn.author is not None and len(self._people) < _PEOPLE_SHOWN:
            self._people[turn.author] = None
        if self._wanted is None or (turn.author is not None and plain_name(turn.author) == self._wanted):
            self._replies += 1
            yield self._record(turn)
        self._before.append(f"{turn.author}: {turn.text}" if self._named and turn.author is not None else turn.text)

    def _record(self, turn: _Turn) -> Record:
        fields = turn.record.fields
        context: object = list(self._before) if self._listed else "\n".join(self._before)
        return Record({**fields, "text": turn.text, "reply": turn.text, "author": turn.author, "context": context,
                       "timestamp": fields.get("timestamp", fields.get("start")),
                       "session": f"{turn.record.origin.source} {self._session}"},
                      turn.record.origin, turn.record.side, turn.record.weights)

    def _nobody(self) -> Finding:
        """Say that the one whose replies are wanted never speaks; an error unless other files may have them."""
        name = self._turns.reply_by or self._source.user or ""
        found = nobody(name, list(self._people), self._place, ", whose replies are wanted")
        if self._source.path is not None and glob.has_magic(self._source.path):
            return replace(found, level="warning")
        raise unknown_person(found)


def _author(fields: Mapping[str, object]) -> str | None:
    author = fields.get("author", fields.get("speaker"))
    return author if isinstance(author, str) and author else None


def _moments(fields: Mapping[str, object]) -> tuple[float | None, float | None]:
    """Return the seconds at which a message begins and ends, counted from wherever its source does."""
    start, end = fields.get("start"), fields.get("end")
    if isinstance(start, int | float):
        return float(start), float(end) if isinstance(end, int | float) else float(start)
    written = fields.get("timestamp")
    if not isinstance(written, str):
        return None, None
    try:
        moment = datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None, None
    return moment, moment


def _apart(turn: _Turn, start: float | None) -> float | None:
    """Return the seconds between a turn and what comes next, which an export may have before it."""
    return None if start is None or turn.end is None else abs(start - turn.end)


def _seconds(duration: str) -> float:
    return int(duration[:-1]) * _UNITS[duration[-1]]

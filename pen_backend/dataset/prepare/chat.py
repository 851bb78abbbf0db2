"""The checks of chats and of preferences: OpenAI's cookbook's for chat files, and two answers that differ."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import orjson

from pen_backend.dataset.chats import REMARKS, remarks
from pen_backend.dataset.prepare.cells import Cells
from pen_backend.dataset.prepare.found import Found, Length, Rules, dropping, few_or_many
from pen_backend.dataset.record import Rejected, rejected
from pen_backend.errors import DataError, Finding
from pen_backend.records import Example, Segment, bad, parse_object, to_line
from pen_backend.words import count

Talked = Literal["chat", "preference"]
Form = Literal["pairs", Talked]

LENGTH = 16_385  # tokens of a conversation that hosted models read; the rest of it is cut off
FEW = 100
_HEAD = 100  # records that decide what a file holds
_CHAT = frozenset(("messages", "conversations"))
_PREFERENCE = frozenset(("preferred_output", "non_preferred_output", "chosen", "rejected"))
# Tokens beside the texts, as hosted models count them: of a message, of a name, of a conversation.
_PER_MESSAGE, _PER_NAME, _PER_CHAT = 3, 1, 3


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation: the line it stands on, and the line that is written for it."""

    line: int
    example: Example
    data: bytes


@dataclass(slots=True)
class Talks:
    """A file's conversations, what was found, the records that cannot be used, and a table of their sizes."""

    form: Talked
    rows: list[Talk] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    bad: list[Rejected] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    records: int = 0
    converted: bool = False
    table: str = ""


def form_of(head: Sequence[Cells | Rejected | Finding]) -> Form:
    """Say what most of the first records of a file are."""
    forms = [_form(each.fields) for each in head[:_HEAD] if isinstance(each, Cells)]
    return max(forms, key=forms.count) if forms else "pairs"


def _form(fields: Mapping[str, object]) -> Form:
    if not _PREFERENCE.isdisjoint(fields):
        return "preference"
    lists = isinstance(fields.get("prompt"), list) and isinstance(fields.get("completion"), list)
    return "chat" if lists or not _CHAT.isdisjoint(fields) else "pairs"


def examine(records: Iterable[Cells | Rejected | Finding], form: Talked, rules: Rules) -> Talks:
    """Check every conversation, and drop those that stand further up, unless that is declined."""
    talks = Talks(form)
    for each in records:
        if isinstance(each, Finding):
            talks.notes.append(each)
            continue
        talks.records += 1
        if isinstance(each, Rejected):
            talks.bad.append(each)
            continue
        try:
            dialect, example = parse_object(dict(each.fields), origin=each.origin, where=each.where)
            _refuse(form, dialect, example, each.where)
        except DataError as error:
            talks.bad.append(rejected(error, each.origin))
            continue
        plain = dialect in ("chat", "preference")
        talks.converted = talks.converted or not plain
        data = orjson.dumps(each.fields, option=orjson.OPT_APPEND_NEWLINE) if plain else to_line(example, "chat")
        talks.rows.append(Talk(each.line, example, data))
    _few(talks)
    _duplicates(talks, rules)
    if form == "chat":
        _remarked(talks)
    _long(talks, rules.length)
    return talks


def _refuse(form: Form, dialect: str, example: Example, where: str) -> None:
    """Refuse a record of another kind than the file's, and two answers of which neither is better."""
    if form == "preference":
        if example.rejected is None:
            raise bad("preference", "there are no two answers to choose from, as in the other rows", where=where,
                      hint="write input, preferred_output and non_preferred_output")
        preferred = example.segments[len(example.segments) - _answers(example.segments):]
        if [one.text for one in preferred] == [one.text for one in example.rejected]:
            raise bad("preference", "the preferred answer and the other one are the same", where=where,
                      hint="leave the row out")
        if not any(one.text.strip() or one.extra for one in preferred):
            raise bad("preference", "the preferred answer is empty", where=where, hint="write an answer")
    elif dialect not in ("chat", "sharegpt"):
        raise bad("no-data", "there is no 'messages' list, as in the other rows", where=where,
                  hint='write {"messages": [{"role": "user", "content": "…"}, …]}')


def _answers(segments: Sequence[Segment]) -> int:
    """Count the segments after the prompt: those from the first that is trained on."""
    return len(segments) - next((index for index, one in enumerate(segments) if one.weight > 0), len(segments))


def _few(talks: Talks) -> None:
    if talks.rows and len(talks.rows) < FEW:
        talks.found.append(Found(1, "few", f"{count(len(talks.rows), 'conversation')}; hosted jobs take 10 or more, "
                                 "and every doubling helps", "note"))


def _duplicates(talks: Talks, rules: Rules) -> None:
    seen: set[str] = set()
    kept: list[Talk] = []
    lost: list[Talk] = []
    for talk in talks.rows:
        (lost if talk.example.id in seen else kept).append(talk)
        seen.add(talk.example.id)
    if not lost:
        return
    talks.found.append(Found(7, "duplicate", f"{few_or_many(lost, 'conversation', 'repeats', 'repeat')} another one",
                             rows=tuple(talk.line for talk in lost), fix="recommended", remedy=dropping(lost)))
    if 7 not in rules.declined:
        talks.rows = kept


def _remarked(talks: Talks) -> None:
    lines: dict[str, list[int]] = {}
    for talk in talks.rows:
        for code in remarks(talk.example.segments):
            lines.setdefault(code, []).append(talk.line)
    for code, where in sorted(lines.items()):
        talks.found.append(Found(None, code, f"{few_or_many(where, 'conversation', 'has', 'have')} {REMARKS[code]}",
                                 rows=tuple(where)))


def _long(talks: Talks, length: Length) -> None:
    """Count tokens as hosted models do; a conversation that is too long is cut, so it is a warning."""
    counter = length.count
    if counter is None or not talks.rows:
        return
    sizes = [_size(talk.example, counter) for talk in talks.rows]
    limit = LENGTH if length.tokens is None else length.tokens
    if lost := [talk.line for talk, size in zip(talks.rows, sizes, strict=True) if size > limit]:
        talks.found.append(Found(8, "too-long", f"{few_or_many(lost, 'conversation', 'has', 'have')} more than "
                                 f"{limit:,} tokens; the rest is cut off in training", rows=tuple(lost)))
    learned = [sum(counter(one.text) for one in talk.example.segments if one.weight > 0) for talk in talks.rows]
    talks.table = _table({"messages": [len(talk.example.segments) for talk in talks.rows], "tokens": sizes,
                          "learned": learned})


def _size(example: Example, counter: Callable[[str], int]) -> int:
    return _PER_CHAT + sum(_PER_MESSAGE + counter(one.text) + (counter(one.name) + _PER_NAME if one.name else 0)
                           for one in example.segments)


def _table(columns: Mapping[str, Sequence[int]]) -> str:
    """Lay out least and most, mean and median, and the percentiles that hold nine tenths between them."""
    head = ("", "min", "p5", "median", "mean", "p95", "max")
    lines = [head, *[(name, *(f"{value:,.0f}" for value in _spread(values))) for name, values in columns.items()]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if not column else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
                     for line in lines) + "\n"


def _spread(values: Sequence[int]) -> tuple[float, ...]:
    cuts = statistics.quantiles(values, n=20, method="inclusive") if len(values) > 1 else [float(values[0])] * 19
    return (min(values), cuts[0], statistics.median(values), statistics.mean(values), cuts[-1], max(values))

"""Checks 1 and 5 to 10: how many rows there are, empty and equal ones, long ones, capitals."""

import string
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from pen_backend.dataset.prepare.found import Found, Length, Row, Rules, dropping, few_or_many
from pen_backend.dataset.prepare.state import State
from pen_backend.words import count

FEW = 100
LENGTH = 2048  # tokens
_UPPER, _LOWER = string.ascii_uppercase.encode(), string.ascii_lowercase.encode()


def few(state: State, rules: Rules) -> Iterator[Found]:
    """Check 1: advise more rows."""
    if len(state.rows) < FEW:
        yield Found(1, "few", f"{count(len(state.rows), 'row')}; a few hundred are advised, and every doubling helps",
                    "note")


def empty(state: State, rules: Rules) -> Iterator[Found]:
    """Check 5: drop rows without a completion."""
    lost = [row for row in state.rows if not row.completion or row.completion.isspace()]
    if len(lost) == len(state.rows):
        yield Found(5, "empty", "no row has a completion, so there is nothing to learn", "error")
    elif lost:
        yield _drop(5, "empty", f"{few_or_many(lost, 'row', 'has', 'have')} no completion", lost, necessary=True)


def blanks(state: State, rules: Rules) -> Iterator[Found]:
    """Check 6: give one spelling to a class that is written with and without white space behind it."""
    if state.kind != "classification":
        return
    ends = [(core.rstrip(), row.completion[len(core):])
            for row, core in zip(state.rows, state.completion_cores, strict=True)]
    lost = [row for row, parts in zip(state.rows, ends, strict=True) if row.completion != "".join(parts)]
    if lost:
        yield Found(6, "label-clean", f"white space behind {count(len(lost), 'class label')} would make another class",
                    rows=tuple(row.line for row in lost), fix="necessary",
                    remedy="take the white space away",
                    mend=lambda rows: [replace(row, completion="".join(parts))
                                       for row, parts in zip(rows, ends, strict=True)])


def duplicates(state: State, rules: Rules) -> Iterator[Found]:
    """Check 7: drop rows that stand further up."""
    seen: set[tuple[str, str]] = set()
    lost = []
    for row in state.rows:
        pair = (row.prompt, row.completion)
        if pair in seen:
            lost.append(row)
        seen.add(pair)
    if lost:
        verbs = few_or_many(lost, "row", "repeats", "repeat")
        yield _drop(7, "duplicate", f"{verbs} the prompt and the completion of another", lost)


def long(state: State, rules: Rules) -> Iterator[Found]:
    """Check 8: drop rows that are cut or refused by a model; a text by itself may be cut into several."""
    if state.kind == "open-ended":
        return
    too_long = _longer(rules.length)
    if lost := [row for row in state.rows if too_long(row.prompt + row.completion)]:
        limit = f"{_limit(rules.length):,} tokens" if rules.length.count is not None else (
            f"{rules.length.characters:,} characters (there is no vocabulary here to count tokens with)")
        yield _drop(8, "too-long", f"{few_or_many(lost, 'row', 'has', 'have')} more than {limit}", lost)


def _longer(length: Length) -> Callable[[str], bool]:
    tokens, counter = _limit(length), length.count
    if counter is None:
        return lambda text: len(text) > length.characters
    # A token has at least one byte, and a sign at most four: most texts are not worth counting.
    return lambda text: len(text) * 4 > tokens and len(text.encode()) > tokens and counter(text) > tokens


def _limit(length: Length) -> int:
    return LENGTH if length.tokens is None else length.tokens


def capital_prompts(state: State, rules: Rules) -> Iterator[Found]:
    """Check 9: write prompts in small letters where more than a third are capitals."""
    if _shouted(state.prompt_cores):
        def mend(rows: Sequence[Row]) -> list[Row]:
            return [replace(row, prompt=core.lower() + row.prompt[len(core):])
                    for row, core in zip(rows, state.prompt_cores, strict=True)]

        yield _lower(9, "prompts", mend)


def capital_completions(state: State, rules: Rules) -> Iterator[Found]:
    """Check 10: the same for completions."""
    if _shouted(state.completion_cores):
        def mend(rows: Sequence[Row]) -> list[Row]:
            return [replace(row, completion=core.lower() + row.completion[len(core):])
                    for row, core in zip(rows, state.completion_cores, strict=True)]

        yield _lower(10, "completions", mend)


def _lower(number: int, what: str, mend: Callable[[Sequence[Row]], list[Row]]) -> Found:
    return Found(number, "capitals", f"more than a third of the letters in {what} are capitals, which models know "
                 "less well than the usual mixture", fix="recommended", remedy=f"write all {what} in small letters",
                 mend=mend)


def _shouted(texts: Collection[str]) -> bool:
    upper = lower = 0
    for text in texts:
        if text.isascii():
            data = text.encode()
            upper += len(data) - len(data.translate(None, _UPPER))
            lower += len(data) - len(data.translate(None, _LOWER))
        else:
            upper += sum(sign.isupper() and sign.lower() != sign for sign in text)  # some capitals have no small letter
            lower += sum(sign.islower() for sign in text)
    return upper * 2 > lower


def _drop(number: int, code: str, message: str, lost: Sequence[Row], *, necessary: bool = False) -> Found:
    names = frozenset(row.number for row in lost)
    return Found(number, code, message, rows=tuple(row.line for row in lost),
                 fix="necessary" if necessary else "recommended",
                 remedy=dropping(lost),
                 mend=lambda rows: [row for row in rows if row.number not in names])

"""Prepare one file: read it, run the checks, write what can be trained on and the definition that goes with it."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from itertools import chain, islice
from pathlib import Path, PurePath

from pen_backend.dataset.prepare import cells, chat, output
from pen_backend.dataset.prepare.chat import Talks
from pen_backend.dataset.prepare.definition import Written, definition
from pen_backend.dataset.prepare.examine import Examined, examine
from pen_backend.dataset.prepare.found import Found, Row, Rules
from pen_backend.dataset.prepare.prepared import Prepared, PreparedFormat, PrepareFinding
from pen_backend.dataset.prepare.rows import Read, rows_of
from pen_backend.dataset.prepare.sides import sides_of
from pen_backend.dataset.record import Pulse, Rejected, Side
from pen_backend.dataset.report import FINDINGS_SHOWN
from pen_backend.dataset.sources.document import Document
from pen_backend.errors import Finding
from pen_backend.files import Disk
from pen_backend.words import count

_HEAD = 100  # records by which a file of chats is told from one of prompts and completions
_LONGEST = 20  # completions whose tokens are counted, to learn how long an answer may be


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a preparation beside the rules of its checks.

    OUT is the directory of the files; with it they are written even if nothing had to be changed. SPLIT: hold rows of
    a classification out. MAX_BAD is the share of records that may be left out because they cannot be read. WRITE is
    false for a look ahead. COUNT gives the tokens of the model that will answer; None if they cannot be counted.
    """

    rules: Rules = field(default_factory=Rules)
    out: Path | None = None
    split: bool = True
    max_bad: float = 0.01
    write: bool = True
    count: Callable[[str], int] | None = None


def prepare(document: Document, request: Request, *, disk: Disk | None = None, pulse: Pulse | None = None) -> Prepared:
    """Prepare a file; what is wrong with its rows is in the result, what is wrong with the file is a DataError."""
    pulse = pulse or Pulse(None, None)
    records = _counted(cells.read(document), pulse)
    head = list(islice(records, _HEAD))
    records = chain(head, records)
    place = _Place(document, request, disk or Disk())
    form = chat.form_of(head)
    if form == "pairs":
        return _pairs(place, rows_of(records), pulse)
    return _talks(place, chat.examine(records, form, request.rules))


def _counted(records: Iterable[cells.Read], pulse: Pulse) -> Iterator[cells.Read]:
    for number, record in enumerate(records):
        pulse.beat("records read", number)
        yield record


@dataclass(frozen=True, slots=True)
class _Place:
    """A file that is prepared, what is asked, and where it is done."""

    document: Document
    request: Request
    disk: Disk

    @property
    def folder(self) -> Path:
        """Where the files go: beside the file, unless a directory is named."""
        return self.request.out or (self.document.path or Path()).parent

    @property
    def stem(self) -> str:
        """The name of the file without its extension."""
        return PurePath(self.document.name.removesuffix(".gz")).stem

    @property
    def is_side(self) -> bool:
        """Say whether the file is one of the two that a preparation made."""
        name = self.stem
        other = name.replace("_prepared_train", "_prepared_valid") if "_prepared_train" in name else name.replace(
            "_prepared_valid", "_prepared_train")
        return other != name and (self.folder / f"{other}.jsonl").exists()

    def told(self, one: Found) -> PrepareFinding:
        """Tell a finding with its place."""
        where = f"{self.document.name}:{one.rows[0]}" if one.rows and one.rows[0] else self.document.name
        applied = one.fix == "necessary" or (one.fix is not None and one.id not in self.request.rules.declined)
        return PrepareFinding(one.id, one.code, one.level, one.message, where, list(one.rows), one.fix, one.remedy,
                              applied, list(one.samples))


def _pairs(place: _Place, read: Read, pulse: Pulse) -> Prepared:
    findings = _unreadable(place, read.bad, read.notes, read.records)
    found = [*read.found]
    done: Examined | None = None
    if not read.rows and not _is_fatal(found):
        found.append(_nothing(read.records))
    elif not _is_fatal(found) and not _is_fatal(findings):
        done = examine(read.rows, replace(place.request.rules, labelled=place.is_side), pulse)
        found += done.found
    findings += [place.told(one) for one in sorted(found, key=lambda one: one.id or 0)]
    if done is None or _is_fatal(findings):
        return _refused(place, findings, read.records)
    return _written_pairs(place, done, findings, read.records)


def _written_pairs(place: _Place, done: Examined, findings: list[PrepareFinding], records: int) -> Prepared:
    """Write the rows if anything is to be changed, and the definition, unless one was given."""
    request = place.request
    classes = Counter(row.completion.strip() for row in done.rows) if done.kind == "classification" else Counter()
    offered = done.kind == "classification" and not place.is_side
    sides = sides_of(done.rows) if offered and request.split else None
    changed = any(one.applied for one in findings) or cells.is_converted(place.document) or request.out is not None
    files: list[Path] = []
    if sides is not None:
        files = output.free_names(place.folder, place.stem, ("_train", "_valid"))
    elif changed:
        files = output.free_names(place.folder, place.stem, ("",))
    path = output.free_definition(place.folder, place.stem) if request.rules.boundary is None else None
    if request.write:
        parts = [(file, _lines(done.rows, sides, side)) for file, side in zip(files, ("train", "valid"), strict=False)]
        texts = [(path, [_definition(place, done, list(classes), files, sides is not None)])] if path else []
        output.write([*parts, *texts], place.disk)
    form = PreparedFormat(done.boundary.prompt_end, done.boundary.completion_start, done.boundary.completion_end)
    kind = f"{done.kind} with {count(len(classes), 'class', 'classes')}" if classes else done.kind
    trained = path if path is not None and form.completion_end else files[0] if files else place.document.path
    return Prepared(
        ok=True, file=place.document.name, kind=done.kind, read=records, rows=len(done.rows), findings=findings,
        summary=f"{place.document.name}: {len(done.rows)} of {count(records, 'row')}, {kind}", format=form,
        classes=len(classes), options=_options(classes, form.completion_start), split=offered,
        valid=sides.count("valid") if sides else 0,
        files=files, prompt_path=path, written=request.write, table="",
        command=f"pen finetune {shlex.quote(str(trained))}")


def _definition(place: _Place, done: Examined, labels: Sequence[str], files: Sequence[Path], split: bool) -> bytes:
    """Write the definition of the rows, to be trained on the files beside it."""
    end = done.boundary.completion_end
    sources = [Written(file.name, side if split else None)
               for file, side in zip(files, ("train", "valid"), strict=False)]
    if not files:
        sources = [Written(Path(place.document.name).name)]
    text = definition(place.stem, place.document.name, done.kind, done.boundary,
                      [label.removesuffix(end.rstrip()).strip() for label in labels], sources,
                      _answer_length(done.rows, place.request.count))
    return text.encode()


def _answer_length(rows: Sequence[Row], counter: Callable[[str], int] | None) -> int | None:
    """Count the tokens of the longest completions; None if that is not known."""
    if counter is None:
        return None
    return max(map(counter, nlargest(_LONGEST, (row.completion for row in rows), key=len)))


def _lines(rows: Sequence[Row], sides: Sequence[Side] | None, side: str) -> Iterator[bytes]:
    for index, row in enumerate(rows):
        if sides is None or sides[index] == side:
            yield output.line(row)


def _options(classes: Counter[str], start: str) -> str | None:
    """Write what a job that measures classes is told: how many there are, or which of two is the positive one."""
    if not classes:
        return None
    measured = "--compute_classification_metrics"
    if len(classes) == 2:
        positive = start + classes.most_common(1)[0][0]
        return f"{measured} --classification_positive_class {shlex.quote(positive)}"
    return f"{measured} --classification_n_classes {len(classes)}"


def _talks(place: _Place, talks: Talks) -> Prepared:
    """Write the conversations that can be used, if any was dropped or had to be written in other words."""
    findings = _unreadable(place, talks.bad, talks.notes, talks.records)
    found = talks.found if talks.rows else [_nothing(talks.records)]
    findings += [place.told(one) for one in found]
    if _is_fatal(findings):
        return replace(_refused(place, findings, talks.records), kind=talks.form)
    changed = (any(one.applied for one in findings) or talks.converted or cells.is_converted(place.document)
               or place.request.out is not None)
    files = output.free_names(place.folder, place.stem, ("",)) if changed else []
    if place.request.write:
        output.write([(file, (talk.data for talk in talks.rows)) for file in files], place.disk)
    trained = files[0] if files else place.document.path
    return Prepared(
        ok=True, file=place.document.name, kind=talks.form, read=talks.records, rows=len(talks.rows),
        summary=f"{place.document.name}: {len(talks.rows)} of {count(talks.records, 'row')}, {talks.form}",
        findings=findings, format=None, classes=0, options=None, split=False, valid=0, files=files, prompt_path=None,
        written=place.request.write, command=f"pen finetune {shlex.quote(str(trained))}", table=talks.table)


def _is_fatal(found: Iterable[Found] | Iterable[PrepareFinding]) -> bool:
    return any(one.level == "error" for one in found)


def _refused(place: _Place, findings: list[PrepareFinding], records: int) -> Prepared:
    """Tell what is wrong; nothing is written."""
    return Prepared(
        ok=False, file=place.document.name, kind=None, read=records, rows=0, findings=findings,
        summary=f"{place.document.name}: nothing was written", format=None, classes=0, options=None, split=False,
        valid=0, files=[], prompt_path=None, written=False, command=None, table="")


def _unreadable(place: _Place, bad: Sequence[Rejected], notes: Sequence[Finding], records: int) -> list[PrepareFinding]:
    """Tell which records cannot be used: left out if they are few, else the end."""
    findings = [PrepareFinding(None, one.code, one.level, one.message, one.where or place.document.name)
                for one in notes]
    fatal = len(bad) > place.request.max_bad * records
    places = [one.finding for one in bad]
    for found in sorted(places, key=lambda one: cells.line_of(one.where or ""))[:FINDINGS_SHOWN]:
        where = found.where or place.document.name
        line = cells.line_of(where)
        findings.append(PrepareFinding(
            None, found.code, "error" if fatal else "warning", found.message, where, [line] if line else [],
            None if fatal else "necessary", found.hint if fatal else "leave it out", not fatal, pointer=found.pointer))
    if fatal:
        findings.append(PrepareFinding(
            None, "max-bad", "error", f"{len(bad)} of {count(records, 'record')} cannot be used, more than max-bad "
            f"allows ({place.request.max_bad:.0%})", place.document.name, remedy="mend them, or raise max-bad"))
    elif len(bad) > FINDINGS_SHOWN:
        findings.append(PrepareFinding(None, "more", "note", f"and {len(bad) - FINDINGS_SHOWN} more that cannot be "
                                       "used", place.document.name))
    return findings


def _nothing(records: int) -> Found:
    if records:
        return Found(None, "no-rows", "no record can be used", "error")
    return Found(None, "empty-file", "the file is empty", "error", remedy="name another file")

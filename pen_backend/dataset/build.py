"""Build a training set: read, clean, split, render, count, and publish it by one rename."""

import contextlib
import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from pen_backend.dataset import anonymise, steps, unlabelled
from pen_backend.dataset import items as reading
from pen_backend.dataset.anonymise import Anonymiser
from pen_backend.dataset.audit import Evaluation, audit
from pen_backend.dataset.budget import Purse, purse_of
from pen_backend.dataset.checks import checks_of, refuse
from pen_backend.dataset.classes import label_of, with_new_labels
from pen_backend.dataset.edits import Edit, Edits
from pen_backend.dataset.examples import lists_of
from pen_backend.dataset.items import Opened, Wanted
from pen_backend.dataset.kept import Kept
from pen_backend.dataset.ledger import Ledger
from pen_backend.dataset.manifest import build_id, manifest_of, read_manifest, read_whole
from pen_backend.dataset.nearness import Nearness, nearness_of
from pen_backend.dataset.output import Directory, Lines, directory, link_latest, pretty
from pen_backend.dataset.record import SIDES, Item, Progress, Pulse, Side
from pen_backend.dataset.report import Report
from pen_backend.dataset.sides import Straight, decide
from pen_backend.dataset.sources import reader
from pen_backend.dataset.sources.document import documents
from pen_backend.dataset.spool import Spool
from pen_backend.dataset.unlabelled import labelled
from pen_backend.dataset.writing import Writing
from pen_backend.errors import BadParamsError, BusyError, DataError, PromptError, RefusedError
from pen_backend.files import Disk, expanded, standing, sweep
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import Anonymise, Step, TrainingSpec, Valid
from pen_backend.tokens import Encoder
from pen_backend.words import count

_Key = tuple[str, ...]

# Where names of files stand in a definition: each is relative to the file that it is written in.
_SOURCES: _Key = ("training", "sources")
_STEPS: _Key = ("training", "steps")
_HELD: _Key = ("evaluation", "data")

_building: set[Path] = set()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Build:
    """A published training set."""

    id: str
    directory: Path
    manifest: Mapping[str, object]
    report: Report


def build(definition: Definition, *, sources: Sequence[Source] | None = None, out: Path, encoder: Encoder,
          seed: int | None = None, overrides: Mapping[str, object] | None = None, purse: Purse | None = None,
          disk: Disk | None = None, edits: Iterable[Edit] = (),
          progress: Callable[[Progress], None] | None = None, cancelled: Callable[[], bool] | None = None) -> Build:
    """Build the training set of a definition into OUT/ID, or return the one that is there already.

    SOURCES replace the definition's own. OVERRIDES are those of `effective`. PURSE has the price for a definition's
    budget, by default that of pen's list, with ENCODER. EDITS are laid over the records; the sources stay as they are.
    The same inputs give the same bytes. DataError says what is wrong with the data; nothing half-built is published.
    """
    disk = disk or Disk()
    by_hand = Edits(edits)
    spec = effective(definition, sources, seed, overrides or {})
    opened = _open(definition, spec, trusted=sources is not None)
    pulse = Pulse(progress, cancelled)
    hide = anonymise.prepare(spec, opened, reading.wanted(definition, spec), partial(_key_place, definition, out), disk,
                             pulse)
    if definition.labels_path is not None:
        definition = with_new_labels(definition, _labels(definition, spec, opened, encoder, pulse, hide, by_hand), disk)
    purse = None if spec.budget is None else purse or purse_of(spec.budget, encoder)
    identity = build_id(definition, spec, opened, encoder, [
        hide.identity if hide else None, purse.identity if purse else None, *_other_inputs(definition, spec, opened),
        *([by_hand.identity] if by_hand else [])])
    final = out / identity
    with _lock:
        if final in _building:
            raise BusyError("This training set is being built already.", hint="Wait for it to end.")
        _building.add(final)
    try:
        if (there := read_whole(final)) is not None:
            manifest, report = there
        else:
            _refuse_full_disk(opened, out, disk)
            if out.is_dir():
                sweep(out, disk)
            with directory(final, disk) as made:
                manifest, report = _run(definition, spec, opened, encoder, made, pulse, hide, purse, by_hand)
                manifest, report = _publish(made, manifest, report)
        link_latest(final, disk)
        return Build(identity, final, manifest, report)
    finally:
        with _lock:
            _building.discard(final)


def _publish(made: Directory, manifest: Mapping[str, object], report: Report) -> tuple[Mapping[str, object], Report]:
    """Publish a build unless another process has done so meanwhile; what was edited there is set aside first."""
    for last in (False, True):
        there = read_whole(made.final)
        if there is not None:
            return there
        if os.path.lexists(made.final):
            made.set_aside()
        try:
            made.publish(manifest)
            break
        except OSError as error:
            if last or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    return manifest, report


def effective(definition: Definition, sources: Sequence[Source] | None, seed: int | None,
              overrides: Mapping[str, object]) -> TrainingSpec:
    """Return a definition's `training:` with what the caller gives instead.

    OVERRIDES may hold `valid_share`, `job`, `loss_weights`, `longest` (tokens of a row), `max_tokens` (the same for a
    definition that sets none: what the model can read at once), `author` (of the messages that are learned) and
    `anonymise` (for a definition without that step).
    """
    if not definition.is_trainable:
        raise PromptError("There is no completion to train on.", where=definition.where(),
                          hint="Add a `completion:` template.")
    spec = definition.training or TrainingSpec()
    changes: dict[str, object] = {}
    if sources is not None:
        changes["sources"] = tuple(sources)
    if seed is not None:
        changes["seed"] = seed
    for name, value in overrides.items():
        if value is not None:
            changes |= _override(spec.model_copy(update=changes), name, value)
    spec = spec.model_copy(update=changes)
    if not spec.sources:
        key = "`training: {sources: […]}`" if definition.set_name == definition.name else "them to `sources:`"
        raise PromptError(f"{definition.set_name} names no sources, and none were given.",
                          where=definition.where(*_SOURCES), hint=f"Add {key}, or name a file.")
    if spec.example.build == "continuation":
        lists_of(definition)
    return spec


def _override(spec: TrainingSpec, name: str, value: object) -> dict[str, object]:
    """Return the keys of SPEC that an override changes."""
    example = spec.example
    match name, value:
        case "valid_share", int() | float() if 0 <= value < 1:
            return {"split": spec.split.model_copy(update={"valid": Valid(share=float(value))})}
        case "max_tokens" | "longest", int() if value > 0:
            keep = name == "max_tokens" and example.max_tokens is not None
            return {} if keep else {"example": example.model_copy(update={"max_tokens": value})}
        case "loss_weights", list() | tuple():
            return {"example": example.model_copy(update={"loss_weights": tuple(value)})}
        case "author", str() if example.build == "turns":
            return {"example": example.model_copy(update={"reply_by": value})}
        case "author", str():
            return {"sources": tuple(one.model_copy(update={"user": value}) for one in spec.sources)}
        case "anonymise", True:
            has = any(step.anonymise is not None for step in spec.steps)
            return {} if has else {"steps": (Step(anonymise=Anonymise()), *spec.steps)}
        case "job", Mapping():
            return {"job": {**spec.job, **{str(key).replace("_", "-"): item for key, item in value.items()}}}
    raise BadParamsError(f"{name} cannot be {value!r}.", hint="`valid_share` is a share from 0 to below 1.")


def _open(definition: Definition, spec: TrainingSpec, *, trusted: bool, key: _Key = _SOURCES) -> list[Opened]:
    """Find, hash and recognise the documents of every source, which stand below KEY, before anything is written.

    Sources that a caller names are TRUSTED. A definition may come from somebody else, so its own sources are only
    opened below its project (reliability.md, T14).
    """
    found: dict[str, Opened] = {}
    inside = partial(_refuse_outside, definition, key)
    for index, source in enumerate(spec.sources):
        name = source.id or ("region" if source.text is not None else source.path or f"source {index + 1}")
        for document in documents(source, name, definition.directory_of(*key), _anything if trusted else inside):
            if document.name in found:
                raise DataError(f"{document.name} is a source twice.", hint="Name each file once.")
            chosen, read = reader(source.reader, document)
            found[document.name] = Opened(document, source, chosen, read)
    return list(found.values())


def _anything(path: Path) -> None:
    """Permit any path."""


def _refuse_outside(definition: Definition, key: _Key, path: Path) -> None:
    """Refuse a path below KEY that leads out of the project of the file it stands in."""
    path, project = path.resolve(), definition.project_of(*key)
    if not path.is_relative_to(project):
        raise RefusedError(f"{definition.name} would read {path}, which is outside of {project}.",
                           where=definition.where(*key),
                           hint="If that is what you want, name the file yourself as the source.")


def _key_place(definition: Definition, out: Path, written: str) -> Path:
    """Find where the key of pseudonyms is: in the definition's project, and never where training sets are."""
    path = (definition.directory / expanded(written)).resolve()
    if not path.is_relative_to(definition.project):
        raise RefusedError(f"{definition.name} would write its key to {path}, which is outside of "
                           f"{definition.project}.", where=definition.where("training", "steps"))
    if path.is_relative_to(out.resolve()):
        raise RefusedError(f"The key would be in {out}, beside the texts that it is the key of.",
                           where=definition.where("training", "steps"),
                           hint="Name another directory in `anonymise: {key: …}`, or build into another one.")
    return path


def _refuse_full_disk(opened: Iterable[Opened], out: Path, disk: Disk) -> None:
    """Refuse to start where the outputs cannot fit: about twice the sources, unpacked."""
    needed = 1_000_000 + sum(one.document.size * (8 if one.document.packed else 2) for one in opened)
    place = standing(out)
    try:
        free = disk.free_bytes(place)
    except OSError:
        return
    if free < needed:
        raise DataError(f"There is too little space: the build needs about {needed // 1_000_000 + 1} MB, "
                        f"{free // 1_000_000} MB are free.", where=str(out),
                        hint="Free space, or choose another output directory.")


def _run(definition: Definition, spec: TrainingSpec, opened: Sequence[Opened], encoder: Encoder, made: Directory,
         pulse: Pulse, hide: Anonymiser | None, purse: Purse | None,
         edits: Edits) -> tuple[Mapping[str, object], Report]:
    want = reading.wanted(definition, spec)
    waiting, rejected = made.lines("unlabelled.jsonl"), made.lines("rejected.jsonl")
    ledger = Ledger(opened, rejected, spec.on_bad, raw=hide is None)
    spool = partial(Spool, made.temporary, made.disk)
    nearness = None if edits.changes_texts else nearness_of(spec)
    stream = _stream(definition, spec, opened, encoder, want, ledger, pulse, hide, spool=spool, nearness=nearness,
                     edits=edits)
    write_waiting = unlabelled.liner(definition)
    stream = labelled(stream, want, partial(ledger.reject, step="unlabelled"),
                      lambda item: waiting.write(write_waiting(item)))
    writing = Writing(definition, spec, want, encoder, made, ledger, pulse, partial(edits.member, want=want))
    straight = Straight.of(spec) if purse is None else None
    with contextlib.closing(Kept(spec, partial(label_of, definition, variable=want.label), made.temporary,
                                 made.disk)) as kept:
        written = _gather(filter(writing.accepts, stream), kept, straight, writing)
        if ledger.too_bad(spec.max_bad):
            raise _quarantined(ledger, spec, made, rejected)
        if straight is not None and written:
            number, finished, plan = len(straight), straight.finished, straight.sides()
        else:
            number, finished = len(kept), kept.finished
            if kept or not waiting.rows:  # a set that nobody has labelled yet is published to be labelled
                _refuse_too_few(definition, spec, kept, ledger, opened)
            plan = decide(kept, spec, pulse, nearness)
            chosen = None
            if purse is not None:  # what all would cost is known only after a first pass
                books = Ledger(opened, None, "skip")
                chosen = Writing(definition, spec, want, encoder, made, books, pulse).choose(purse, kept, plan)
            writing.write(kept, plan, chosen)
    if ledger.too_bad(spec.max_bad):
        raise _quarantined(ledger, spec, made, rejected)
    outputs = writing.finish(may_be_empty=not number)
    files: dict[Side, list[Path]] = {side: [made.temporary / one.name for one in outputs if one.name.startswith(side)]
                                     for side in SIDES}
    evaluation = _evaluation(definition, spec, encoder, pulse, hide)
    audited = audit(definition, spec, checks_of(spec), files, lists=want.items is not None and not finished,
                    evaluation=evaluation, labels=writing.labels, encoder=encoder, pulse=pulse)
    outputs += [one for lines in (rejected, waiting) if lines.rows for one in lines.close()]
    report = writing.report(number, plan, read_manifest(made.final.parent / "latest"))
    report = replace(report, overlaps=audited.overlaps,
                     findings=(*report.findings, *audited.findings, *edits.findings()))
    refuse(report.findings)
    if hide is not None:
        report = replace(report, anonymised=hide.summary(), findings=(
            *report.findings, *hide.findings(one.document.name for one in opened)))
    made.write("report.json", pretty(report.to_json()))
    made.write("report.txt", report.to_text().encode())
    return manifest_of(definition, spec, opened, encoder, report, outputs, plan.units, made.final.name,
                       writing.labels, hide, edits), report


def _gather(items: Iterable[Item], kept: Kept, straight: Straight | None, writing: Writing) -> bool:
    """Write items as they come where their sides are known at once, else keep them; say whether they were written."""
    written = False
    for item in items:
        side = None if straight is None else straight.put(item)
        if straight is None or side is None or not straight.both:
            kept.add(item)
            continue
        if not written:
            for each in kept.items:
                writing.add(straight.of_item(each), each)
            written = True
        writing.add(side, item)
    return written


def _stream(definition: Definition, spec: TrainingSpec, opened: Sequence[Opened], encoder: Encoder, want: Wanted,
            ledger: Ledger, pulse: Pulse, hide: Anonymiser | None, *, spool: Callable[[], Spool] = Spool,
            nearness: Nearness | None = None, edits: Edits | None = None) -> Iterator[Item]:
    """Read all sources and send the items through the steps, then what was changed by hand."""
    weight = spec.hyperparameters.get("prompt_loss_weight")
    stream: Iterator[Item] = chain.from_iterable(
        reading.read(one, want, float(weight or 0), pulse, ledger.reject, ledger.count, ledger.warn,
                     None if hide is None else hide.item) for one in opened)
    for number, step in enumerate(spec.steps, 1):
        reject = partial(ledger.reject, step=f"{number} {step.name}")
        stream = steps.apply(step, stream, steps.Surroundings(
            definition, want, encoder, definition.directory_of(*_STEPS), spec.seed, reject, pulse, spool,
            nearness))
    return edits.apply(stream, want, partial(ledger.reject, step="by hand"), hide.item if hide else None) if (
        edits) else stream


def _labels(definition: Definition, spec: TrainingSpec, opened: Sequence[Opened], encoder: Encoder, pulse: Pulse,
            hide: Anonymiser | None, edits: Edits) -> Iterator[str]:
    """Go through the sources once for the labels alone, so that each has its number before the first row is written."""
    want = reading.wanted(definition, spec)
    with hide.uncounted() if hide is not None else contextlib.nullcontext():
        stream = _stream(definition, spec, opened, encoder, want, Ledger(opened, None, "skip"), pulse, hide,
                         edits=edits)
        yield from dict.fromkeys(label_of(definition, item, want.label) for item in stream if item.example is None)


def _other_inputs(definition: Definition, spec: TrainingSpec, opened: Sequence[Opened]) -> Iterator[object]:
    """Yield what else decides a build: the labels, files of words, strings, and what the set is compared with."""
    if any(one.name == "whatsapp" for one in opened):
        from pen_backend.dataset.sources.whatsapp import strings  # as late as the reader itself

        yield strings.fingerprint()
    yield definition.class_map.to_json() if definition.class_map is not None else None
    named = [(_STEPS, step.filter.words_file) for step in spec.steps
             if step.filter is not None and step.filter.words_file]
    if definition.evaluation is not None and definition.evaluation.data:
        named.append((_HELD, definition.evaluation.data))
    for key, name in named:
        path = definition.directory_of(*key) / name
        _refuse_outside(definition, key, path)
        yield hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    yield [test.model_dump(mode="json") for test in definition.tests]


def _evaluation(definition: Definition, spec: TrainingSpec, encoder: Encoder, pulse: Pulse,
                hide: Anonymiser | None) -> Evaluation:
    """Read the rows that `evaluation.data` names, as the training set reads its own."""
    data = definition.evaluation.data if definition.evaluation is not None else None
    if data is None or checks_of(spec).level("contamination") == "off":
        return Evaluation()
    given = spec.model_copy(update={"sources": (Source(path=data),)})
    try:
        opened = _open(definition, given, trusted=False, key=_HELD)
        want = reading.wanted(definition, given)
        with hide.uncounted() if hide is not None else contextlib.nullcontext():
            return Evaluation(tuple(_stream(definition, given, opened, encoder, want, Ledger(opened, None, "skip"),
                                            pulse, hide)))
    except DataError as error:
        return Evaluation(problem=error.message)


def _quarantined(ledger: Ledger, spec: TrainingSpec, made: Directory, rejected: Lines) -> DataError:
    """Keep the list of bad records beside the build that was not published."""
    rejected.close()
    kept_at = made.final.with_suffix(".rejected.jsonl")
    made.disk.publish(made.temporary / "rejected.jsonl", kept_at)
    return ledger.error(spec.max_bad, str(kept_at))


def _refuse_too_few(definition: Definition, spec: TrainingSpec, kept: Kept, ledger: Ledger,
                    opened: Sequence[Opened]) -> None:
    names = ", ".join(dict.fromkeys(one.document.name for one in opened))
    if not ledger.read:
        raise DataError(f"{names} is empty; there is nothing to learn from.",
                        hint="Mark a region with at least two texts, or name another file.")
    if not kept and spec.example.build == "as-is":
        raise DataError(f"{names} has no usable row{ledger.losses()}.", hint="Mend its rows, or name another file.",
                        findings=ledger.findings())
    least = spec.example.count[0] if spec.example.build == "continuation" else 2
    if kept.finished:
        least = 1
    if len(kept) < least:
        number = "no usable text" if not kept else count(len(kept), "usable text")
        raise DataError(f"{names} has {number}{ledger.losses()}; {definition.name} needs at least "
                        f"{'two' if least == 2 else least}.",
                        hint="Mark a larger region, or add texts to the file.", findings=ledger.findings())

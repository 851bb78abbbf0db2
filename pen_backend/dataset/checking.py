"""Check training files that are there already: every row is read, counted, inspected; nothing is published."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pen_backend.dataset.build import build
from pen_backend.dataset.manifest import read_manifest, read_whole
from pen_backend.dataset.record import CONTENT_CODES, Progress, Side
from pen_backend.dataset.report import Report
from pen_backend.errors import DataError, Finding
from pen_backend.prompts import loader, template
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import CheckSpec, Dedupe, ExampleSpec, Split, Step, TrainingSpec, Valid
from pen_backend.tokens import Encoder

# A definition that promises nothing about its rows.
_ANY = b"""\
pen: 1
title: any
prompt: <asked>
completion: <answered>
vars: [asked: {type: text}, answered: {type: text}]
"""
# What is an error in a file, though a build would drop the row and go on.
_FATAL = frozenset({"all-masked", "end-inside", "too-long", "leak", "edited", "class-count", "first-token",
                    "weights-zero"})
_BUILD_WORDS = frozenset({"reader", "no-valid", "moved", "left-over"})  # about a build, and none is made


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; of an unchanged build what its report says, because its bytes are the same."""

    report: Report
    findings: tuple[Finding, ...]


def check_build(directory: Path, definition: Definition | None) -> Checked | None:
    """Check a build by its manifest; None if it is no build, or was edited since.

    DEFINITION is the one it was built by, as it is now; None if it is gone.
    """
    whole = read_whole(directory)
    if whole is None:
        return None
    manifest, report = whole
    findings = list(report.findings)
    if definition is not None and manifest.get("format_hash") != template.format_hash(definition):
        findings.append(Finding("format", f"{definition.name} has another format now than when this was built",
                                definition.where(), "build it again before training", "warning"))
    return Checked(report, tuple(findings))


def is_edited(directory: Path) -> bool:
    """Say whether a directory is a build whose files are not what was built."""
    return read_manifest(directory) is not None and read_whole(directory) is None


def check_files(files: Mapping[Side, Sequence[Path]], definition: Definition | None, encoder: Encoder, *,
                max_tokens: int | None = None, progress: Callable[[Progress], None] | None = None,
                cancelled: Callable[[], bool] | None = None) -> Checked:
    """Check files of rows as they are, against DEFINITION if there is one; nothing of them is kept.

    DataError if no row can be read at all.
    """
    against = definition or loader.parse(_ANY, "any")
    sources = tuple(Source.model_validate({"reader": "jsonl", "path": str(path), "side": side})
                    for side, paths in files.items() for path in paths)
    spec = _spec(against, strict=definition is not None, both=bool(files.get("valid")), max_tokens=max_tokens)
    with tempfile.TemporaryDirectory(prefix="pen-check-") as place:
        try:
            done = build(against.model_copy(update={"training": spec}), sources=sources, out=Path(place),
                         encoder=encoder, progress=progress, cancelled=cancelled)
        except DataError as error:
            raise _mixed(error) if any(one.code == "lossy" for one in error.findings) else error from None
    return Checked(done.report, tuple(_findings(done.report)))


def _spec(definition: Definition, *, strict: bool, both: bool, max_tokens: int | None) -> TrainingSpec:
    """Describe a build that takes rows as they are, and says of everything that it would drop."""
    own = definition.training or TrainingSpec()
    equal = () if both else (Step(dedupe=Dedupe(exact="bytes")),)  # on two sides equal rows are a leak, and no repeats
    warn = CheckSpec(do="warn")
    checks = {**own.checks, "length": warn, "end-inside": warn, "all-masked": warn, "leak": warn}
    if not both:
        checks["class-count"] = CheckSpec(do="off")
    example = {"build": "as-is", "boundary": "check" if strict else "keep",
               "max_tokens": max_tokens or own.example.max_tokens}
    return TrainingSpec().model_copy(update={
        "steps": equal, "split": Split(valid=Valid(share=0)), "checks": checks,
        "example": ExampleSpec().model_copy(update=example), "on_bad": "skip", "job": own.job, "seed": own.seed})


def _mixed(error: DataError) -> DataError:
    """Say of a row that is of another kind than those before it what that means in a file that is there already."""
    message = "the row is of another kind than those before it: texts, chats and preferences are trained apart"
    hint = "Put each kind into a file of its own."
    return DataError(f"T{message[1:]}.", where=error.where, hint=hint,
                     findings=[Finding("dialect", message, error.where, hint)])


def _findings(report: Report) -> Iterator[Finding]:
    """Say as errors what is wrong with the file, and leave out what is about building."""
    bad = {code for one in report.sources for code in one.rejected if code not in CONTENT_CODES}
    for finding in report.findings:
        if finding.code in _BUILD_WORDS:
            continue
        message = finding.message.replace(" dropped: ", ": ").removesuffix(", and held out too")
        level = "error" if finding.code in bad or finding.code in _FATAL else finding.level
        yield replace(finding, message=message, level=level)

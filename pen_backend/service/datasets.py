"""Training sets: plan one, look at what a reader sees, count a training file."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pen_backend
from pen_backend.dataset.prepare.prepared import Prepared
from pen_backend.errors import BadParamsError, DataError, Finding
from pen_backend.service.appraisal import Appraisal, PlanFinding, PlanRow, in_words, rows_of
from pen_backend.service.registry import Events, Json, Text, rpc

if TYPE_CHECKING:
    from pen_backend.dataset.budget import Purse
    from pen_backend.dataset.build import Build
    from pen_backend.dataset.prepare.found import Boundary
    from pen_backend.dataset.record import Read
    from pen_backend.prompts.definition import Definition
    from pen_backend.prompts.sources import Source


@dataclass(frozen=True, slots=True)
class Plan:
    """A published training set and what training on it would take; launching uses exactly this build.

    RECORDS are the rows of both files. SECONDS and COST are None where nobody knows them yet.
    """

    id: str
    prompt: str
    model: str
    directory: Path
    train_path: Path
    valid_path: Path
    records: int
    train: int
    valid: int
    table: str
    summary: str
    findings: list[PlanFinding]
    rows: list[PlanRow]
    seconds: float | None
    cost: float | None
    provider: str


class Datasets(Appraisal):
    """Builds training sets from definitions and sources."""

    @rpc(stream=True)
    def plan(self, prompt: str, text: Text | None = None, path: Path | None = None, source: str = "region",
             reader: str = "auto", model: str | None = None, n_epochs: int | None = None,
             batch_size: int | None = None, learning_rate_multiplier: float | None = None, seed: int | None = None,
             valid_share: float | None = None, out: Path | None = None, *, events: Events) -> Plan:
        """Build the training set of a definition: from TEXT, from the file at PATH, or from its own sources."""
        from pen_backend.dataset.build import build
        from pen_backend.records import check_hyperparameters

        given = {"n_epochs": n_epochs, "batch_size": batch_size, "learning_rate_multiplier": learning_rate_multiplier,
                 "seed": seed}
        check_hyperparameters({name: value for name, value in given.items() if value is not None})
        definition = self._context.find_training(prompt)
        job = definition.training.hyperparameters if definition.training else {}
        named = self._context.config.model_name(model or job.get("model") or self._context.config.model)
        done = build(
            definition, sources=_sources(text, path, source, reader), out=out or self._out(definition),
            encoder=self._context.encoder(named), seed=seed, disk=self._context.disk,
            purse=self._purse(definition), overrides={"valid_share": valid_share, "max_tokens": self._longest(named)},
            progress=lambda at: events.send("progress", done=at.done, unit=at.stage,
                                            **({} if at.total is None else {"total": at.total})),
            cancelled=lambda: events.cancelled)
        own = definition.directory_of("training", "sources") if text is None and path is None else None
        return self._described(definition, done, named, n_epochs or job.get("n_epochs"), own)

    @rpc()
    def read(self, reader: str, path: Path, limit: int | None = None) -> list[Json]:
        """Show what a reader sees in a file, before any step: one JSON text a record, the first LIMIT."""
        return [line for line, each in self.readings(reader, path, limit)
                if not (isinstance(each, Finding) and each.level == "note")]

    def readings(self, reader: str, path: Path, limit: int | None = None) -> "Iterator[tuple[Json, Read]]":
        """Yield what `read` returns, with what the reader yielded; findings about the whole file have no limit."""
        import orjson

        from pen_backend.dataset.record import shown
        from pen_backend.dataset.sources import reader as choose
        from pen_backend.dataset.sources.document import Request, documents

        if limit is not None and limit < 1:
            raise BadParamsError("limit must be at least 1.")
        (chosen,) = _sources(None, path, "", reader) or ()
        count = 0
        for document in documents(chosen, path.name, path.parent):
            _, read = choose(reader, document)
            for each in read(document, Request(chosen)):
                yield orjson.dumps(shown(each), default=str).decode(), each
                count += not isinstance(each, Finding)
                if count == limit:
                    return

    @rpc(stream=True)
    def prepare(self, path: Path, prompt: str | None = None, out: Path | None = None, decline: list[int] = [],  # noqa: B006 - never changed
                split: bool = True, model: str | None = None, max_tokens: int | None = None, max_bad: float = 0.01,
                write: bool = True, *, events: Events) -> Prepared:
        """Check a table of prompts and completions, or chats, and write a training file with what it lacked.

        The checks are prepare_data's 15; DECLINE holds the numbers of those whose recommendations are not taken. With
        PROMPT, rows are to fit that definition's format. WRITE nil looks ahead.
        """
        from pen_backend.dataset.prepare.found import Length, Rules
        from pen_backend.dataset.prepare.run import Request, prepare
        from pen_backend.dataset.record import Pulse
        from pen_backend.dataset.sources.document import documents

        _check_preparation(decline, max_tokens, max_bad, out)
        boundary = _boundary(self._context.find_prompt(prompt)) if prompt is not None else None
        (chosen,) = _sources(None, path, "", "auto") or ()
        document = next(documents(chosen, path.name, path.parent))
        rules = Rules(frozenset(decline), boundary, Length(max_tokens, self._counter(model)))
        answers = self._context.encoder_at_hand(model or self._context.config.model)
        request = Request(rules, out, split, max_bad, write, answers.count if answers else None)
        return prepare(document, request, disk=self._context.disk,
                       pulse=Pulse(lambda at: events.send("progress", done=at.done, unit=at.stage),
                                   lambda: events.cancelled))

    def _counter(self, model: str | None) -> "Callable[[str], int] | None":
        """Return what counts a model's tokens; without a model those of prepare_data's time, None if not installed."""
        from pen_backend import tokens
        from pen_backend.errors import ConfigError

        if model is not None:
            return self._context.encoder(model).count
        try:
            return tokens.encoding("r50k_base").count
        except ConfigError:
            return None

    def _purse(self, definition: "Definition") -> "Purse | None":
        """Return a definition's budget with its model's price; PromptError if nobody has written that down."""
        from pen_backend.dataset.budget import Purse, unpriced

        budget = definition.training.budget if definition.training is not None else None
        if budget is None:
            return None
        price, encoder = self._priced(budget.model)
        if price is None:
            raise unpriced(budget.model)
        return Purse(budget, price, encoder)

    def _bill(self, done: "Build", model: str, n_epochs: object) -> "tuple[float | None, str]":
        """Return what training on a build costs, None if the price is unknown, and the same in words."""
        config = self._context.config
        if config.local:
            return 0.0, "local: $0.00"
        from pen_backend.dataset.cost import cents, estimate, measure
        from pen_backend.dataset.published import examples, files_of
        from pen_backend.dataset.statistics import Counter

        price = self._context.prices.find(model)
        if price is None or price.train is None:
            return None, f"{config.provider}: price unknown"
        measured = measure(examples(files_of(done.directory)["train"]), Counter(self._context.encoder(model)))
        total = estimate(model, price, measured, n_epochs if isinstance(n_epochs, int) else None).total
        if total is None:
            return None, f"{config.provider}: price unknown"
        said = ", ".join(price.remarks(self._day))
        return float(cents(total)), f"{config.provider}: {cents(total)} {price.currency} (price {said})"

    def _out(self, definition: "Definition") -> Path:
        """Choose where builds of a definition go: where it says, else pen's own directory."""
        named = definition.training.output.dir if definition.training else None
        return definition.directory / named if named else self._context.datasets / definition.set_name

    def _longest(self, model: str) -> int | None:
        """Return how many tokens a row may have for MODEL to read it whole, with its end; None if not known here."""
        if not self._context.config.local:
            return None
        base = model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model
        for bases in (self._context.engine_state / "bases", Path(pen_backend.__file__).parent / "engine" / "base"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                # A file like any other: what is learned about a model from here never loads it.
                content = json.loads((bases / Path(base).name / "config.json").read_bytes())
                return int(content["max_position_embeddings"]) - 1
        return None

    def _described(self, definition: "Definition", done: "Build", model: str, n_epochs: object,
                   own: Path | None) -> Plan:
        from pen_backend.dataset.published import files_of

        report, config, files = done.report, self._context.config, files_of(done.directory)
        train, valid = report.examples["train"], report.examples["valid"]
        seconds = estimate(report.tokens["train"], n_epochs, train, self._context.ledger.rate(model))
        cost, price = self._bill(done, model, n_epochs)
        sources = ", ".join(one.name for one in report.sources)
        summary = (f"{sources}    {train + valid} record{'' if train + valid == 1 else 's'} "
                   f"(train {train}, valid {valid})    definition {definition.name}    {price}, {duration(seconds)}")

        def at(where: str | None) -> str | None:
            """Name a place of the definition's own sources by its whole path, so that an editor finds it."""
            if own is None or where is None or not (own / where.rpartition(":")[0]).is_file():
                return where
            return str(own / where)

        return Plan(
            id=done.id, prompt=definition.name, model=model, directory=done.directory,
            train_path=files["train"][0], valid_path=files["valid"][0],
            records=train + valid, train=train, valid=valid, table=report.table, summary=summary,
            findings=[PlanFinding(one.level, one.message, at(one.where), one.hint, one.code, one.pointer)
                      for one in (*_warnings(definition), *report.findings)],
            rows=[replace(row, where=at(row.where) or row.where) for row in rows_of(report)],
            seconds=seconds, cost=cost, provider=config.provider)


def _check_preparation(decline: list[int], max_tokens: int | None, max_bad: float, out: Path | None) -> None:
    """Refuse what no preparation can be asked for."""
    if unknown := [number for number in decline if not 1 <= number <= 15]:
        raise BadParamsError(f"There is no check {unknown[0]}.", hint="The checks have the numbers 1 to 15.")
    if max_tokens is not None and max_tokens < 1:
        raise BadParamsError("max_tokens must be at least 1.")
    if not 0 <= max_bad <= 1:
        raise BadParamsError("max_bad is a share from 0 to 1.")
    if out is not None and out.exists() and not out.is_dir():
        raise BadParamsError(f"{out} is a file; name a directory.")


def _boundary(definition: "Definition") -> "Boundary | None":
    """Return where a definition's texts meet; None for a chat, whose messages are the boundary."""
    from pen_backend.dataset.prepare.found import Boundary

    if definition.messages is not None:
        return None
    form = definition.format
    return Boundary(form.prompt_end, form.completion_start, form.completion_end or "", definition.no_trim_start,
                    definition.no_trim_end)


def estimate(tokens: int, n_epochs: object, examples: int, rate: float | None) -> float | None:
    """Estimate the seconds of a job from the tokens a second of the last one on its base; None before the first."""
    if rate is None or rate <= 0:
        return None
    from pen_backend.records import auto_epochs

    epochs = n_epochs if isinstance(n_epochs, int) else auto_epochs(examples)
    return tokens * epochs / rate


def duration(seconds: float | None) -> str:
    """Say an estimated time in words."""
    return f"time {in_words(None, local=True)}" if seconds is None else in_words(seconds)


def _sources(text: str | None, path: Path | None, name: str, reader: str) -> "tuple[Source, ...] | None":
    """Make the source that a caller names instead of the definition's own."""
    from pen_backend.dataset.sources import READERS
    from pen_backend.prompts.sources import Source

    if text is not None and path is not None:
        raise BadParamsError("text and path exclude each other.", hint="Give one of them, or neither.")
    if text is None and path is None:
        return None
    if reader != "auto" and reader not in READERS:
        raise DataError(f"There is no reader '{reader}'.", hint=f"There are auto, {', '.join(READERS)}.")
    place = {"text": text} if path is None else {"path": str(path)}
    return (Source.model_validate({"reader": reader, "id": name or None, **place}),)


def _warnings(definition: "Definition") -> Iterator[Finding]:
    """Pass on what lint says about the definition itself."""
    yield from definition.findings

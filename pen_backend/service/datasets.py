"""Training sets: plan one, look at what a reader sees, count a training file."""

import contextlib
import json
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pen_backend.dataset.prepare.prepared import Prepared
from pen_backend.errors import BadParamsError
from pen_backend.service.appraisal import Appraisal, in_words
from pen_backend.service.preview import PlanFinding, PlanRow, findings_of, rows_of
from pen_backend.service.reading import Reading, sources_of
from pen_backend.service.registry import Events, Text, rpc
from pen_backend.words import count

if TYPE_CHECKING:
    from pen_backend.dataset.budget import Purse
    from pen_backend.dataset.build import Build
    from pen_backend.dataset.cost import Estimate
    from pen_backend.dataset.prepare.found import Boundary
    from pen_backend.prompts.definition import Definition


@dataclass(frozen=True, slots=True)
class Plan:
    """A published training set and what training on it would take; launching uses exactly this build.

    RECORDS are the rows of both files. COSTS is the cost as a table. SECONDS and COST are None where nobody knows them
    yet. BYTES is the size of both files.
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
    costs: str
    summary: str
    findings: list[PlanFinding]
    rows: list[PlanRow]
    seconds: float | None
    cost: float | None
    provider: str
    bytes: int


@dataclass(frozen=True, slots=True)
class RowEdit:
    """What is to be done with a record, by the key of a row's member; TEXTS are new ones for all its parts."""

    key: str
    exclude: bool = False
    side: Literal["train", "valid"] | None = None
    texts: list[str] = field(default_factory=list)


NO_EDITS: list[RowEdit] = []
NO_WEIGHTS: list[float] = []


class Datasets(Appraisal, Reading):
    """Builds training sets from definitions and sources."""

    @rpc(stream=True)
    def plan(self, prompt: str, text: Text | None = None, path: Path | None = None, source: str = "region",
             reader: str = "auto", encoding: str | None = None, model: str | None = None, n_epochs: int | None = None,
             batch_size: int | None = None, learning_rate_multiplier: float | None = None, seed: int | None = None,
             valid_share: float | None = None, max_tokens: int | None = None, prompt_loss_weight: float | None = None,
             loss_weights: list[float] = NO_WEIGHTS, author: str | None = None, anonymise: bool = False,
             edits: list[RowEdit] = NO_EDITS, out: Path | None = None, project: Path | None = None, *,
             events: Events) -> Plan:
        """Build the training set of a definition: from TEXT, from the file at PATH, or from its own sources.

        AUTHOR is whose messages of a chat are learned. LOSS_WEIGHTS are one a segment. EDITS change single records.
        """
        from pen_backend.dataset.build import build
        from pen_backend.dataset.edits import Edit
        from pen_backend.jobs.options import check_given

        check_given({"n_epochs": n_epochs, "batch_size": batch_size, "seed": seed, "max_tokens": max_tokens,
                     "learning_rate_multiplier": learning_rate_multiplier, "prompt_loss_weight": prompt_loss_weight})
        definition = self._context.library(project).training(prompt)
        training = definition.training
        job = training.hyperparameters if training else {}
        named = self._context.config.model_name(model or job.get("model") or self._context.config.model)
        own = sources_of(text, path, source, reader, encoding, training.sources if training else ())
        done = build(
            definition, sources=own, out=out or self._out(definition),
            encoder=self._context.encoder(named), seed=seed, disk=self._context.disk,
            purse=self._purse(definition),
            overrides={"valid_share": valid_share, "max_tokens": self._longest(named), "longest": max_tokens,
                       "loss_weights": loss_weights or None, "author": author, "anonymise": anonymise or None,
                       "job": None if prompt_loss_weight is None else {"prompt_loss_weight": prompt_loss_weight}},
            edits=[Edit(one.key, one.exclude, one.side, tuple(one.texts)) for one in edits],
            progress=lambda at: events.send("progress", done=at.done, unit=at.stage,
                                            **({} if at.total is None else {"total": at.total})),
            cancelled=lambda: events.cancelled)
        place = definition.directory_of("training", "sources") if own is None else None
        return self._described(definition, done, named, n_epochs or job.get("n_epochs"), place)

    @rpc(stream=True)
    def prepare(self, path: Path, prompt: str | None = None, out: Path | None = None, decline: list[int] = [],  # noqa: B006 - never changed
                split: bool = True, model: str | None = None, max_tokens: int | None = None, max_bad: float = 0.01,
                write: bool = True, project: Path | None = None, *, events: Events) -> Prepared:
        """Check a table of prompts and completions, or chats, and write a training file with what it lacked.

        The checks are prepare_data's 15; DECLINE holds the numbers of those whose recommendations are not taken. With
        PROMPT, rows are to fit that definition's format. WRITE nil looks ahead.
        """
        from pen_backend.dataset.prepare.found import Length, Rules
        from pen_backend.dataset.prepare.run import Request, prepare
        from pen_backend.dataset.record import Pulse
        from pen_backend.dataset.sources.document import documents

        _check_preparation(decline, max_tokens, max_bad, out)
        boundary = _boundary(self._context.library(project).prompt(prompt)) if prompt is not None else None
        (chosen,) = sources_of(None, path, "", "auto") or ()
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

    def _estimate(self, done: "Build", model: str, n_epochs: object) -> "Estimate":
        """Return what training on a build takes; on one's own machine its rows need not be counted again."""
        from pen_backend import prices
        from pen_backend.dataset.cost import Measured, estimate, measure
        from pen_backend.dataset.published import examples, files_of
        from pen_backend.dataset.statistics import Counter

        epochs = n_epochs if isinstance(n_epochs, int) else None
        if self._context.config.local:
            tokens, count = done.report.tokens["train"], done.report.examples["train"]
            # Only their sum and their number count where nothing is billed by the row.
            counted = Measured(answered=tokens, lengths=array("Q", [tokens, *bytes(max(count - 1, 0))]))
            return estimate(model, prices.local(model), counted, epochs, self._context.ledger.rate(model))
        price = self._context.prices.find(model)
        measured = measure(examples(files_of(done.directory)["train"]), Counter(self._context.encoder(model)))
        return estimate(model, price, measured, epochs)

    def _priced_in_words(self, found: "Estimate") -> str:
        """Say what a job costs, and by whose price."""
        from pen_backend.dataset.cost import cents

        config, price = self._context.config, found.price
        if config.local:
            return "local: $0.00"
        if found.total is None or price is None:
            return f"{config.provider}: price unknown"
        return f"{config.provider}: {cents(found.total)} {price.currency} (price {', '.join(price.remarks(self._day))})"

    def _out(self, definition: "Definition") -> Path:
        """Choose where builds of a definition go: where it says, else pen's own directory."""
        named = definition.training.output.dir if definition.training else None
        return definition.directory / named if named else self._context.datasets / definition.set_name

    def _longest(self, model: str) -> int | None:
        """Return how many tokens a row may have for MODEL to read it whole, with its end; None if not known here."""
        if not self._context.config.local:
            return None
        config = self._context.base_file(model, "config.json")
        if config is not None:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                # A file like any other: what is learned about a model from here never loads it.
                return int(json.loads(config.read_bytes())["max_position_embeddings"]) - 1
        return None

    def _described(self, definition: "Definition", done: "Build", model: str, n_epochs: object,
                   own: Path | None) -> Plan:
        from pen_backend.dataset.cost import cents
        from pen_backend.dataset.published import files_of

        report, files = done.report, files_of(done.directory)
        train, valid = report.examples["train"], report.examples["valid"]
        found = self._estimate(done, model, n_epochs)
        sources = ", ".join(one.name for one in report.sources)
        summary = (f"{sources}    {count(train + valid, 'record')} "
                   f"(train {train}, valid {valid})    definition {definition.name}    "
                   f"{self._priced_in_words(found)}, {duration(found.seconds)}")

        def at(where: str | None) -> str | None:
            """Name a place of the definition's own sources by its whole path, so that an editor finds it."""
            if own is None or where is None or not (own / where.rpartition(":")[0]).is_file():
                return where
            return str(own / where)

        return Plan(
            id=done.id, prompt=definition.name, model=model, directory=done.directory,
            train_path=files["train"][0], valid_path=files["valid"][0],
            records=train + valid, train=train, valid=valid, table=report.table, costs=cost_table(found),
            summary=summary,
            findings=[replace(one, where=at(one.where))
                      for one in findings_of((*definition.findings, *report.findings))],
            rows=[replace(row, where=at(row.where) or row.where,
                          members=[replace(each, where=at(each.where) or each.where) for each in row.members])
                  for row in rows_of(report)],
            seconds=found.seconds, cost=None if found.total is None else float(cents(found.total)),
            provider=self._context.config.provider,
            bytes=sum(file.stat().st_size for side in files.values() for file in side))


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


def cost_table(found: "Estimate") -> str:
    """Lay out what a model costs for one epoch and for all of a job."""
    from pen_backend.dataset.cost import money
    from pen_backend.dataset.statistics import layout

    head = ("cost/epoch", count(found.epochs, "epoch"))
    return layout(head, [(found.model, money(found.per_epoch), money(found.total))])


def duration(seconds: float | None) -> str:
    """Say an estimated time in words."""
    return f"time {in_words(None, local=True)}" if seconds is None else in_words(seconds)

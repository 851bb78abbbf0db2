"""Look at training sets that are there: statistics, cost, findings, card, difference. `Datasets` publishes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pen_backend.errors import BadParamsError, DataError, NotFoundError, PenError
from pen_backend.service.context import Context
from pen_backend.service.library import Library
from pen_backend.service.preview import PlanFinding, PlanRow, findings_of, rows_of
from pen_backend.service.registry import Events, Json, rpc

if TYPE_CHECKING:
    from pen_backend.dataset.checking import Checked as CheckedFiles
    from pen_backend.dataset.cost import Estimate
    from pen_backend.prices import Price
    from pen_backend.prompts.definition import Definition
    from pen_backend.tokens import Encoder

NO_MODELS: list[str] = []


@dataclass(frozen=True, slots=True)
class PartStats:
    """The sums of one file, or of one source on one side."""

    name: str
    side: str
    examples: int
    tokens: int
    words: int
    chars: int


@dataclass(frozen=True, slots=True)
class Stats:
    """What a training file holds, by the tokens of one vocabulary.

    FILES are counted now; SOURCES are from a build's report, by the vocabulary it was built with.
    """

    table: str
    tokenizer: str
    examples: int
    tokens: int
    words: int
    chars: int
    files: list[PartStats]
    sources: list[PartStats]


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What one model would cost; money is in CURRENCY, and None where nobody has written the price down.

    KEPT are the tokens that a budget pays for, EXAMPLES_KEPT the whole examples in them.
    """

    model: str
    tokenizer: str
    currency: str
    per_epoch: float | None
    usage: float | None
    tokens: int
    billed: int
    examples: int
    epochs: int
    total: float | None
    seconds: float | None
    kept: int | None
    examples_kept: int | None
    seen: str | None
    stale: bool
    remarks: str


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost of an epoch and of use for each model, as tables and as numbers."""

    table: str
    estimates: str
    notes: str
    models: list[ModelCost]
    as_of: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What is right and wrong with a training set. BUILT: it is a build, and byte for byte as it was built."""

    path: Path
    built: bool
    train: int
    valid: int
    errors: int
    table: str
    findings: list[PlanFinding]
    rows: list[PlanRow]


@dataclass(frozen=True, slots=True)
class CardText:
    """A training set's card as a text, and its figures."""

    text: str
    figures: Json


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """One thing that differs; None where it is not there at all."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """How two training sets differ: what decided them, and rows that stayed, came, went and changed sides."""

    equal: bool
    changes: list[ChangedKey]
    same: int
    added: int
    removed: int
    moved: int


class Appraisal:
    """Says what training sets hold, what they cost, and what is wrong with them."""

    def __init__(self, context: Context, today: date | None = None) -> None:
        """CONTEXT is shared by all services; prices are old or not as of TODAY."""
        self._context = context
        self._today = today

    @rpc()
    def stats(self, path: Path, model: str | None = None) -> Stats:
        """Count the tokens, words and characters of a training file, or of a build's directory."""
        from pen_backend.dataset.manifest import read_whole
        from pen_backend.dataset.published import examples, files_of
        from pen_backend.dataset.statistics import Counter, Totals, table

        path = self._published(path)
        encoder = self._context.encoder(model)
        whole, count = Totals(), Counter(encoder)
        files = []
        for side, names in files_of(path).items():
            for name in names:
                totals = Totals()
                for example in examples([name]):
                    totals.add(sum(count(example.segments)), "".join(segment.text for segment in example.segments))
                whole.join(totals)
                files.append(PartStats(name.name, side, **asdict(totals)))
        if not whole.examples:
            raise DataError(f"{path.name} has no training rows.", where=str(path))
        built = read_whole(path) if path.is_dir() else None
        return Stats(table=table(whole), tokenizer=encoder.name, **asdict(whole), files=files,
                     sources=[PartStats(part.source, part.side, **asdict(part.totals))
                              for part in (built[1].statistics if built else ())])

    @rpc()
    def cost(self, path: Path, models: list[str] = NO_MODELS, n_epochs: int | None = None,
             budget: float | None = None, exact: bool = False) -> Costs:
        """Estimate what training on a file or a build would cost, and using the tuned model on all of it once.

        Without MODELS: the configured one and all that have a price. Held-out rows of a build cost nothing. With a
        BUDGET, of each model's currency, how much of the set it pays for; EXACT never spends more than it.
        """
        from pen_backend.dataset.budget import affordable, chosen
        from pen_backend.dataset.cost import Measured, estimate, table
        from pen_backend.dataset.published import examples, files_of
        from pen_backend.dataset.statistics import Counter

        if n_epochs is not None and not 1 <= n_epochs <= 50:
            raise BadParamsError("n_epochs must be a number from 1 to 50.")
        if budget is not None and not 0 <= budget < float("inf"):
            raise BadParamsError("budget must be an amount of at least 0.")
        names = list(dict.fromkeys(models)) or [self._context.config.model, *self._context.prices.models]
        priced = [(name, *self._priced(name)) for name in names]
        measured: dict[str, Measured] = {encoder.name: Measured() for _, _, encoder in priced}
        counters = {encoder.name: Counter(encoder) for _, _, encoder in priced}
        path = self._published(path)
        for example in examples(files_of(path)["train"]):
            for name, one in measured.items():
                one.add(example, counters[name])
        if not next(iter(measured.values())).examples:
            raise DataError(f"{path.name} has no training rows.", where=str(path))
        estimates, costs = [], []
        for model, price, encoder in priced:
            one = measured[encoder.name]
            rate = self._context.ledger.rate(self._context.config.model_name(model)) if _is_local(price) else None
            found = estimate(model, price, one, n_epochs, rate)
            estimates.append(found)
            kept = None
            if budget is not None and price is not None and price.train is not None:
                kept = affordable(one.tokens, price.train, Decimal(str(budget)), found.epochs, exact=exact)
            whole = chosen(one.lengths, one.keys, kept, 0).count(1) if kept is not None else None
            costs.append(self._model_cost(found, encoder, kept, whole))
        return Costs(table(estimates), _estimates(estimates, costs), self._notes(estimates), costs,
                     self._context.prices.as_of.isoformat())

    @rpc(stream=True)
    def check(self, path: Path, prompt: str | None = None, model: str | None = None, max_tokens: int | None = None,
              project: Path | None = None, *, events: Events) -> Checked:
        """Check a training file or a build as it is, and change nothing.

        PROMPT is the definition whose boundary, classes and limits the rows are to fit; a build has its own.
        """
        from pen_backend.dataset import checking
        from pen_backend.dataset.manifest import read_manifest
        from pen_backend.dataset.published import files_of
        from pen_backend.errors import Finding

        if max_tokens is not None and max_tokens < 1:
            raise BadParamsError("max_tokens must be at least 1.")
        path = self._published(path)
        manifest = (read_manifest(path) if path.is_dir() else None) or {}
        library = self._context.library(project)
        definition = library.prompt(prompt) if prompt is not None else _definition(library, manifest)
        found = checking.check_build(path, definition) if prompt is None else None
        if found is not None:
            return _checked(path, found, built=True)
        done = checking.check_files(
            files_of(path), definition, self._context.encoder(model), max_tokens=max_tokens,
            progress=lambda at: events.send("progress", done=at.done, unit=at.stage),
            cancelled=lambda: events.cancelled)
        if manifest and checking.is_edited(path):
            done = replace(done, findings=(Finding("edited", "the files are not what was built any more", str(path),
                                                   "build again, or go on with them as files of their own"),
                                           *done.findings))
        return _checked(path, done, built=False)

    @rpc()
    def card(self, path: Path, format: Literal["org", "markdown"] = "org",  # noqa: A002 - its name on the wire
             project: Path | None = None) -> CardText:
        """Write the card of a build: what it holds, where that came from, and room for what only its author knows."""
        from pen_backend.dataset import card
        from pen_backend.dataset.manifest import read_whole

        path = self._published(path)
        whole = read_whole(path) if path.is_dir() else None
        if whole is None:
            raise DataError(f"{path} is no build, or not as it was built.", where=str(path),
                            hint="Name the directory that `pen dataset build` printed, or build again.")
        manifest, report = whole
        definition = _definition(self._context.library(project), manifest)
        figures = card.card_of(manifest, report, definition.description if definition is not None else "")
        return CardText(card.write(figures, format), json.dumps(asdict(figures), ensure_ascii=False))

    @rpc()
    def diff(self, before: Path, after: Path) -> Difference:
        """Compare two builds, or two training files: what decided them, and their rows."""
        from pen_backend.dataset.diff import differences

        found = differences(self._published(before), self._published(after))
        return Difference(found.is_empty, [ChangedKey(one.what, one.before, one.after) for one in found.changes],
                          found.same, found.added, found.removed, found.moved)

    @property
    def _day(self) -> date:
        """The day on which a price is old or not."""
        return self._today or datetime.now(UTC).date()

    def _published(self, path: Path) -> Path:
        """Find a build by its id where there is no such file, and its newest one where builds are."""
        from pen_backend.dataset.published import absent, newest

        if not path.exists():
            try:
                return self._context.find_plan(path.name)
            except NotFoundError:
                raise absent(path) from None
        return newest(path)

    def _priced(self, model: str) -> "tuple[Price | None, Encoder]":
        """Return the price of a model, None if unknown, and what counts its tokens.

        A name in the list of prices means that model, whatever `aliases` make of it for training here.
        """
        from pen_backend import prices

        price = self._context.prices.find(model)
        if price is not None:
            return price, self._context.hosted_encoder(model)
        if self._context.config.local:
            encoder = self._context.encoder_at_hand(model)
            return (prices.local(model), encoder) if encoder is not None else (
                None, self._context.hosted_encoder(model))
        return None, self._context.encoder(model)

    def _model_cost(self, found: "Estimate", encoder: "Encoder", kept: int | None, whole: int | None) -> ModelCost:
        from pen_backend.dataset.cost import cents

        price, today = found.price, self._day
        money = [None if each is None else float(cents(each)) for each in (found.per_epoch, found.usage, found.total)]
        return ModelCost(
            model=found.model, tokenizer=encoder.name, currency=price.currency if price is not None else "",
            per_epoch=money[0], usage=money[1], tokens=found.tokens, billed=found.billed, examples=found.examples,
            epochs=found.epochs, total=money[2], seconds=found.seconds, kept=kept, examples_kept=whole,
            seen=price.seen.isoformat() if price is not None and price.seen is not None else None,
            stale=price is not None and price.is_stale(today),
            remarks=", ".join(price.remarks(today)) if price is not None else "price unknown")

    def _notes(self, estimates: "Sequence[Estimate]") -> str:
        """Say where the prices come from, and how far they can be relied on."""
        today, prices = self._day, self._context.prices
        lines = [f"Prices per million tokens, looked through on {prices.as_of}; prices.yaml in "
                 f"{self._context.directories.config} goes before them."]
        remarks: dict[str, list[str]] = {}
        for each in estimates:
            said = ", ".join(each.price.remarks(today)) if each.price is not None else "price unknown"
            remarks.setdefault(said, []).append(each.model)
        return "\n".join([*lines, *(f"{', '.join(models)}: {said}" for said, models in remarks.items())])


def _definition(library: Library, manifest: Mapping[str, object]) -> "Definition | None":
    """Return the definition that a build was made by, as it is now; None if it is gone or broken."""
    try:
        return library.prompt(str(manifest["prompt"]))
    except (KeyError, PenError):
        return None


def _checked(path: Path, found: "CheckedFiles", *, built: bool) -> Checked:
    report = found.report
    return Checked(
        path=path, built=built, train=report.examples["train"], valid=report.examples["valid"],
        errors=sum(one.level == "error" for one in found.findings), table=report.table,
        findings=findings_of(found.findings), rows=rows_of(report))


def _is_local(price: "Price | None") -> bool:
    return price is not None and price.state == "local"


def _estimates(estimates: "Sequence[Estimate]", costs: Sequence[ModelCost]) -> str:
    """Lay out what a job takes on each model: billed tokens, epochs, money, time, and what a budget keeps."""
    from pen_backend.dataset.cost import money, title
    from pen_backend.dataset.statistics import layout

    names = ["billed", "epochs", "total", "time"]
    rows = [[title(each.model), str(each.billed), str(each.epochs), money(each.total),
             in_words(each.seconds, local=_is_local(each.price))] for each in estimates]
    if any(cost.kept is not None for cost in costs):
        names += ["tokens kept", "examples kept"]
        for row, cost in zip(rows, costs, strict=True):
            row += ["unknown" if cost.kept is None else str(cost.kept),
                    "unknown" if cost.examples_kept is None else f"{cost.examples_kept} of {cost.examples}"]
    return layout(names, rows)


def in_words(seconds: float | None, *, local: bool = False) -> str:
    """Say an estimated time in words; a LOCAL job's is known after the first one."""
    if seconds is None:
        return "unknown before the first job" if local else "unknown"
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"

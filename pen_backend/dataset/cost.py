"""What training on a set, or using it, would cost: tokens times dated prices, in Decimal, rounded only when shown."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from pen_backend.dataset.statistics import layout
from pen_backend.prices import Price
from pen_backend.records import Example, Segment, auto_epochs

UNKNOWN = "unknown"
MESSAGE, NAME, CONVERSATION = 3, 1, 3  # tokens that a hosted chat has besides its texts
_MILLION = Decimal(1_000_000)
_CENT = Decimal("0.01")

Count = Callable[[Sequence[Segment]], list[int]]  # the tokens of each segment


@dataclass(slots=True)
class Measured:
    """The tokens of a set by one vocabulary, and a few bytes of each example.

    TOKENS are ASKED and ANSWERED: what the tuned model would read, and what it would write. LENGTHS are billed, before
    any limit: a chat has more tokens than its texts, and a preference both its answers.
    """

    asked: int = 0
    answered: int = 0
    lengths: "array[int]" = field(default_factory=lambda: array("Q"))
    keys: "array[int]" = field(default_factory=lambda: array("Q"))  # of the examples: their ids

    @property
    def tokens(self) -> int:
        """The tokens of all texts."""
        return self.asked + self.answered

    @property
    def examples(self) -> int:
        """The number of examples."""
        return len(self.lengths)

    def add(self, example: Example, count: Count) -> None:
        """Count an example. An answer is what an assistant says, or the last text of a row without roles."""
        segments, tokens = example.segments, count(example.segments)
        last = len(segments) - 1
        answered = sum(number for index, (segment, number) in enumerate(zip(segments, tokens, strict=True))
                       if (segment.role == "assistant" if segment.role is not None else index == last))
        self.asked += sum(tokens) - answered
        self.answered += answered
        self.lengths.append(billed_length(example, tokens, count))
        self.keys.append(int(example.id, 16))

    def billed(self, limit: int | None) -> int:
        """Sum up what is billed for one epoch: longer examples are cut at the model's LIMIT."""
        return sum(self.lengths) if limit is None else sum(min(limit, length) for length in self.lengths)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job on a model would cost; money is exact, and None if nobody has written its price down.

    PER_EPOCH is tokens times price, as in the table; TOTAL is what a provider bills for all EPOCHS. SECONDS is None
    before the first job on the model.
    """

    model: str
    price: Price | None
    tokens: int
    billed: int
    examples: int
    epochs: int
    per_epoch: Decimal | None
    usage: Decimal | None
    total: Decimal | None
    seconds: float | None = None


def measure(examples: Iterable[Example], count: Count) -> Measured:
    """Count the tokens of examples."""
    measured = Measured()
    for example in examples:
        measured.add(example, count)
    return measured


def billed_length(example: Example, tokens: Sequence[int], count: Count) -> int:
    """Return the tokens that a hosted provider bills for an example whose segments have TOKENS."""
    length = sum(tokens) + (sum(count(example.rejected)) if example.rejected is not None else 0)
    if example.segments[0].role is None:
        return length
    messages = (*example.segments, *(example.rejected or ()))
    return length + CONVERSATION + sum(MESSAGE + (NAME if each.name is not None else 0) for each in messages)


def estimate(model: str, price: Price | None, measured: Measured, epochs: int | None = None,
             rate: float | None = None) -> Estimate:
    """Estimate a job; without EPOCHS as a provider chooses them. RATE is in tokens a second."""
    epochs = auto_epochs(measured.examples) if epochs is None else epochs
    billed = measured.billed(price.limit if price is not None else None)
    train = price.train if price is not None else None
    usage = None
    if price is not None and price.read is not None and price.write is not None:
        usage = (measured.asked * price.read + measured.answered * price.write) / _MILLION
    return Estimate(model, price, measured.tokens, billed, measured.examples, epochs, amount(measured.tokens, train),
                    usage, amount(billed * epochs, train), billed * epochs / rate if rate else None)


def amount(tokens: int, price: Decimal | None) -> Decimal | None:
    """Return what a number of tokens costs at a price per million; None if the price is unknown."""
    return None if price is None else tokens * price / _MILLION


def cents(money: Decimal) -> Decimal:
    """Round money to two decimals, half to even."""
    return money.quantize(_CENT, ROUND_HALF_EVEN)


def money(exact: Decimal | None) -> str:
    """Write money with two decimals; an unknown price is never 0."""
    return UNKNOWN if exact is None else f"{cents(exact):f}"


def table(estimates: Iterable[Estimate]) -> str:
    r"""Lay out the cost of an epoch, and of using the tuned model once on the whole set.

    >>> davinci = Price("davinci", Decimal(30), Decimal(120), Decimal(120))
    >>> print(table([estimate("davinci", davinci, Measured(4_000_000, 818_101), 4)]), end="")
             Cost per epoch   Usage
    Model                          
    Davinci          144.54  578.17
    """  # noqa: W291 - the table has these spaces
    return layout(("Cost per epoch", "Usage"), [("Model", "", ""), *(
        (title(each.model), money(each.per_epoch), money(each.usage)) for each in estimates)])


def title(model: str) -> str:
    """Write a model's name as the table has it: names of letters alone with a capital."""
    return model.capitalize() if model.isalpha() else model

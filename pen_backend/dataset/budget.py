"""The examples of a training set that a budget pays for."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b

from pen_backend.dataset.cost import amount, cents
from pen_backend.errors import Finding, PromptError
from pen_backend.prices import Price, Prices, load
from pen_backend.prompts.training import Budget
from pen_backend.tokens import Encoder, fingerprint
from pen_backend.words import count


@dataclass(frozen=True, slots=True)
class Purse:
    """A budget with the price of its model, and the vocabulary by which that model is billed."""

    budget: Budget
    price: Price
    encoder: Encoder

    def __post_init__(self) -> None:
        """Refuse a budget for a model whose price nobody has written down."""
        if self.price.train is None:
            raise unpriced(self.budget.model)

    @property
    def identity(self) -> list[object]:
        """What decides, besides the budget itself, which examples are kept."""
        return [str(self.price.train), self.price.limit, self.encoder.name, fingerprint(self.encoder)]

    @property
    def train(self) -> Decimal:
        """The price of training."""
        return self.price.train or Decimal(0)

    def choose(self, lengths: Sequence[int], keys: Sequence[int], seed: int) -> "Chosen":
        """Choose among examples, of which LENGTHS are the billed tokens and KEYS the ids; one without tokens stays."""
        budget, limit = self.budget, self.price.limit
        if limit is not None:
            lengths = [min(limit, length) for length in lengths]
        total = sum(lengths)
        pays = affordable(total, self.train, Decimal(str(budget.amount)), budget.epochs, exact=budget.exact)
        kept = chosen(lengths, keys, pays, seed)
        used = [length for length, one in zip(lengths, kept, strict=True) if one and length]
        return Chosen(self, kept, sum(map(bool, lengths)), len(used), total, pays, sum(used))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which examples are kept, a byte each; how many tokens there are, could be paid for, and are."""

    purse: Purse
    kept: bytearray
    examples: int
    examples_kept: int
    tokens: int
    pays: int
    used: int

    def to_json(self) -> dict[str, object]:
        """Return its entry of the report."""
        budget, price = self.purse.budget, self.purse.price
        spent = amount(self.used * budget.epochs, self.purse.train) or Decimal(0)
        return {"amount": budget.amount, "model": budget.model, "epochs": budget.epochs, "exact": budget.exact,
                "currency": price.currency, "price": float(self.purse.train),
                "seen": price.seen.isoformat() if price.seen else None, "tokens": self.tokens, "pays": self.pays,
                "kept": self.used, "cost": float(cents(spent)), "examples": self.examples,
                "examples_kept": self.examples_kept}

    @property
    def finding(self) -> Finding:
        """Say what the budget pays for."""
        budget, price = self.purse.budget, self.purse.price
        spent = cents(amount(self.used * budget.epochs, self.purse.train) or Decimal(0))
        return Finding("budget", f"{budget.amount:.2f} {price.currency} for {count(budget.epochs, 'epoch')} of "
                       f"{budget.model} keep {self.examples_kept} of {count(self.examples, 'example')}, {self.used:,} "
                       f"of {count(self.tokens, 'token')}, "
                       f"for {spent:f} {price.currency}", level="note")


def purse_of(budget: Budget, encoder: Encoder, prices: Prices | None = None) -> Purse:
    """Find the price of a budget's model; PromptError if nobody has written it down."""
    price = (prices or load()).find(budget.model)
    if price is None:
        raise unpriced(budget.model)
    return Purse(budget, price, encoder)


def affordable(tokens: int, price: Decimal, budget: Decimal, epochs: int, *, exact: bool = False) -> int:
    """Return how many of TOKENS a budget pays for, at a price per million.

    The cost of an epoch is rounded to cents first, as providers show it, which may overspend by a little; EXACT never
    does.

    >>> affordable(4_818_101, Decimal("0.60"), Decimal(10), 4)
    4167907
    >>> affordable(4_818_101, Decimal("0.60"), Decimal(10), 4, exact=True)
    4166666
    """
    epoch = amount(tokens, price) or Decimal(0)
    whole = Fraction(epoch if exact else cents(epoch)) * epochs
    return tokens if whole <= Fraction(budget) else int(tokens * Fraction(budget) / whole)


def chosen(lengths: Sequence[int], keys: Sequence[int], pays: int, seed: int) -> bytearray:
    """Say of each example whether it is kept: whole ones in hash order, until the next would cost too much.

    A larger budget keeps the same ones and more.
    """
    kept = bytearray(not length for length in lengths)
    order = array("Q", (_place(seed, key) for key in keys))
    for index in sorted(range(len(kept)), key=lambda index: (order[index], index)):
        pays -= lengths[index]
        if pays < 0:
            break
        kept[index] = 1
    return kept


def unpriced(model: str) -> PromptError:
    """Make the error of a model without a price."""
    return PromptError(f"The price of training {model} is unknown, so a budget cannot be kept.",
                       hint=f"Write it into prices.yaml in pen's configuration directory: `models: {{{model}: "
                       "{train: …}}`, per million tokens.")


def _place(seed: int, key: int) -> int:
    digest = blake2b(f"budget\0{seed}\0{key:016x}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")

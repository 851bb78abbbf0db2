"""Price per million tokens per model, as dated data: the list that comes with pen, and the user's own.

>>> str(load().find("ft:davinci:me:puns:1").train)
'30.00'
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from pen_backend.errors import ConfigError

if TYPE_CHECKING:
    import yaml

STALE_DAYS = 180
SHIPPED = Path(__file__).with_name("prices.yaml")
KEYS = ("as-of", "currency", "models")
MODEL_KEYS = ("train", "use", "in", "out", "limit", "seen", "state", "source", "verified")


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs, per million tokens; None is a price that nobody has written down, and never 0.

    READ is what a tuned model takes for a prompt, WRITE for an answer. LIMIT is the longest example, in tokens, that
    is trained on, and billed.
    """

    model: str
    train: Decimal | None = None
    read: Decimal | None = None
    write: Decimal | None = None
    limit: int | None = None
    currency: str = "USD"
    seen: date | None = None
    state: str | None = None
    source: str | None = None
    verified: bool = True

    def is_stale(self, today: date) -> bool:
        """Say whether the price was seen too long ago to be relied on."""
        return self.seen is not None and (today - self.seen).days > STALE_DAYS

    def remarks(self, today: date) -> Iterator[str]:
        """Yield what a person should know before relying on it."""
        if self.seen is not None:
            yield f"of {self.seen}"
        if self.is_stale(today):
            yield f"older than {STALE_DAYS} days"
        if self.state is not None:
            yield self.state
        if not self.verified:
            yield "not verified"


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of all models that anybody has written down, and when the list was last looked through."""

    models: Mapping[str, Price]
    as_of: date

    def find(self, model: str) -> Price | None:
        """Return the price of a model, of the base it was tuned from, or of its newest dated version; None if unknown.

        Names of tuned models are `ft:BASE:…`, and `BASE:ft-…` before 2023.
        """
        name = model.split(":")[1] if model.startswith("ft:") and model.count(":") > 1 else model.partition(":ft-")[0]
        dated = re.compile(re.escape(name) + r"-\d{4}-\d{2}-\d{2}")
        newest = max((each for each in self.models if dated.fullmatch(each)), default="")
        return self.models.get(name) or self.models.get(name.lower()) or self.models.get(newest)


def local(model: str) -> Price:
    """Return the price of a model on one's own machine."""
    free = Decimal(0)
    return Price(model, free, free, free, state="local")


def load(user: Path | None = None) -> Prices:
    """Read the list that comes with pen, with the models of the user's file instead of its own.

    A file in another currency replaces the list as a whole. ConfigError names the line of what is wrong.
    """
    shipped = _read(SHIPPED)
    own = _read(user) if user is not None and user.is_file() else None
    if own is None:
        return shipped
    currencies = {each.currency for each in (*shipped.models.values(), *own.models.values())}
    return Prices({**shipped.models, **own.models}, own.as_of) if len(currencies) < 2 else own


def _read(path: Path) -> Prices:
    import yaml  # here, because the service answers its first call before it is needed

    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError("The prices are not valid YAML.", where=f"{path}:{mark.line + 1}" if mark else str(path),
                          hint="Mend the file, or remove it to use the prices that come with pen.") from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError("The prices cannot be read.", where=str(path),
                          hint="Make it a readable UTF-8 file, or remove it.") from error
    return _File(path).prices(root)


@dataclass(frozen=True, slots=True)
class _File:
    """Reads the nodes of one file: numbers keep every digit, and each error has its line."""

    path: Path

    def prices(self, root: "yaml.Node | None") -> Prices:
        tree = self._mapping(root, "prices.yaml", KEYS)
        if "as-of" not in tree:
            raise self._wrong(root, "'as-of', the day of the prices, is missing")
        as_of = self._date(tree["as-of"], "as-of")
        currency = self._text(tree["currency"], "currency") if "currency" in tree else "USD"
        models = self._mapping(tree.get("models"), "models") if "models" in tree else {}
        return Prices({name: self._price(name, node, currency, as_of) for name, node in models.items()}, as_of)

    def _price(self, name: str, node: "yaml.Node", currency: str, as_of: date) -> Price:
        given = self._mapping(node, f"models.{name}", MODEL_KEYS)
        money = {key: self._money(given[key], f"models.{name}.{key}") for key in ("train", "use", "in", "out")
                 if key in given}
        if "use" in money and ("in" in money or "out" in money):
            raise self._wrong(node, f"'models.{name}' has either `use`, or `in` and `out`")
        if ("in" in money) != ("out" in money):
            raise self._wrong(node, f"'models.{name}' must have both `in` and `out`")
        return Price(
            name, money.get("train"), money.get("in", money.get("use")), money.get("out", money.get("use")),
            self._limit(given["limit"], f"models.{name}.limit") if "limit" in given else None, currency,
            self._date(given["seen"], f"models.{name}.seen") if "seen" in given else as_of,
            self._text(given["state"], f"models.{name}.state") if "state" in given else None,
            self._text(given["source"], f"models.{name}.source") if "source" in given else None,
            self._flag(given["verified"], f"models.{name}.verified") if "verified" in given else True)

    def _mapping(self, node: "yaml.Node | None", what: str, known: tuple[str, ...] = ()) -> "dict[str, yaml.Node]":
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, f"'{what}' must be keys and values")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key, f"{what}: a key")
            if name in found:
                raise self._wrong(key, f"'{name}' is there twice")
            if known and name not in known:
                near = difflib.get_close_matches(name, known, 1)
                raise self._wrong(key, f"Unknown key '{name}'; " + (
                    f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"))
            found[name] = value
        return found

    def _text(self, node: "yaml.Node", what: str) -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise self._wrong(node, f"'{what}' must be a text")
        return str(node.value)

    def _money(self, node: "yaml.Node", what: str) -> Decimal:
        try:
            amount = Decimal(self._text(node, what))
        except InvalidOperation:
            amount = Decimal("nan")
        if not amount.is_finite() or amount < 0:
            raise self._wrong(node, f"'{what}' must be an amount of at least 0")
        return amount

    def _limit(self, node: "yaml.Node", what: str) -> int:
        text = self._text(node, what)
        if not (text.isascii() and text.isdecimal() and len(text) < 13 and int(text)):
            raise self._wrong(node, f"'{what}' must be a number of tokens")
        return int(text)

    def _date(self, node: "yaml.Node", what: str) -> date:
        try:
            return date.fromisoformat(self._text(node, what))
        except ValueError:
            raise self._wrong(node, f"'{what}' must be a day such as 2026-11-20") from None

    def _flag(self, node: "yaml.Node", what: str) -> bool:
        text = self._text(node, what)
        if text not in ("true", "false"):
            raise self._wrong(node, f"'{what}' must be true or false")
        return text == "true"

    def _wrong(self, node: "yaml.Node | None", message: str) -> ConfigError:
        line = node.start_mark.line + 1 if node is not None else 1
        return ConfigError(message + ("" if message.endswith("?") else "."),
                           where=f"{self.path}:{line}")

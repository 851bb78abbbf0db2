"""The one table of job options: their types, defaults, bounds and meaning.

`training.job` of a definition, the command line, Emacs and the engine all check against it. Keys are snake_case;
definitions write them with hyphens.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pen_backend.errors import DataError, Finding

Kind = Literal["int", "float", "text", "choice", "texts", "numbers", "mapping"]

_KIND_NAMES: Mapping[Kind, str] = {
    "int": "a whole number", "float": "a number", "text": "a text", "choice": "a choice",
    "texts": "a list of texts", "numbers": "a list of numbers", "mapping": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One job option. A default of None means that it is not set; `auto` says that the word "auto" is a value.

    Bounds hold for the number itself, for the length of a text and of a list; of a list of numbers, `above` holds for
    each. INNER are the keys of a mapping.
    """

    name: str
    kind: Kind
    default: object
    meaning: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    auto: bool = False
    inner: "Mapping[str, Hyperparameter]" = field(default_factory=dict)

    def problem(self, value: object) -> str | None:
        """Say what is wrong with a value, or return None."""
        if value is None or (self.auto and value == "auto"):
            return None
        if self.inner and isinstance(value, Mapping):
            return next((wrong for key, each in value.items() if (wrong := self._inner_problem(key, each))), None)
        measure = self._measure(value)
        if measure is None or not self._fits(measure):
            return f"expected {self.expected}, got {_show(value)}"
        return None

    def _inner_problem(self, key: object, value: object) -> str | None:
        name = str(key).replace("-", "_")
        if name not in self.inner:
            return f"unknown key '{key}', there are {', '.join(self.inner)}"
        wrong = self.inner[name].problem(value)
        return None if wrong is None else f"{name}: {wrong}"

    @property
    def expected(self) -> str:
        """Describe the values this option takes, as messages do."""
        text = " | ".join(self.choices) if self.choices else _KIND_NAMES[self.kind]
        if self.minimum is not None and self.maximum is not None:
            text += f" from {self.minimum:g} to {self.maximum:.10g}"
        elif self.minimum is not None:
            text += f" of at least {self.minimum:g}"
        if self.above is not None:
            text += f" above {self.above:g}" + ("" if self.maximum is None else f" and at most {self.maximum:g}")
        return f"{text} or auto" if self.auto else text

    def _measure(self, value: object) -> float | None:
        """Return the number that the bounds apply to; None if the value has the wrong type."""
        match self.kind, value:
            case ("int" | "float"), bool():
                return None
            case ("int" | "float"), int():
                return value
            case "float", float():
                return value if math.isfinite(value) else None
            case "text", str():
                return len(value)
            case "choice", str():
                return 0 if value in self.choices else None
            case "texts", list() | tuple():
                return len(value) if all(isinstance(item, str) for item in value) else None
            case "numbers", list() | tuple():
                return len(value) if all(self._is_entry(item) for item in value) else None
            case "mapping", Mapping():
                return 0
        return None

    def _is_entry(self, item: object) -> bool:
        number = isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item)
        return number and (self.above is None or item > self.above)  # type: ignore[operator]  # a number by then

    def _fits(self, number: float) -> bool:
        return ((self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)
                and (self.above is None or self.kind == "numbers" or number > self.above))


def _table(*rows: Hyperparameter) -> Mapping[str, Hyperparameter]:
    return {row.name: row for row in rows}


_H = Hyperparameter
CLASSIFICATION: Mapping[str, Hyperparameter] = _table(
    _H("n_classes", "int", None, "how many classes there are", minimum=2, maximum=10_000),
    _H("positive_class", "text", None, "the completion that counts as positive, of two", minimum=1, maximum=1000),
    _H("betas", "numbers", None, "the betas of the F scores, of two classes", minimum=1, maximum=16, above=0),
)
LORA: Mapping[str, Hyperparameter] = _table(
    _H("r", "int", 16, "rank", minimum=1, maximum=1024),
    _H("alpha", "float", 32, "scale", above=0),
    _H("dropout", "float", 0, "share of inputs left out while training", minimum=0, maximum=0.999),
    _H("target", "text", "all-linear", "the matrices that are adapted", minimum=1),
)
HYPERPARAMETERS: Mapping[str, Hyperparameter] = _table(
    _H("model", "text", None, "base, tuned model or snapshot to start from", minimum=1, maximum=256),
    _H("n_epochs", "int", "auto", "how often every example is seen", minimum=1, maximum=50, auto=True),
    _H("batch_size", "int", "auto", "examples in a step; auto is a token budget", minimum=1, maximum=256, auto=True),
    _H("learning_rate_multiplier", "float", "auto", "factor on the base's own learning rate", above=0, auto=True),
    _H("learning_rate", "float", None, "absolute learning rate, instead of a multiplier", above=0, maximum=1),
    _H("beta", "float", "auto", "strength of the preference (dpo)", above=0, maximum=2, auto=True),
    _H("seed", "int", None, "the only randomness of the job", minimum=0, maximum=2147483647),
    _H("suffix", "text", None, "part of the tuned model's name", minimum=1, maximum=64),
    _H("prompt_loss_weight", "float", 0.0, "loss weight of prompts that bring none", minimum=0, maximum=1),
    _H("packing", "choice", "examples", "how batches are filled", choices=("examples", "window")),
    _H("max_tokens", "int", None, "longest example, or the window; the model's context if not set", minimum=2),
    _H("overlong", "choice", "error", "what happens to longer examples", choices=("error", "drop", "truncate")),
    _H("snapshots_every", "int", None, "steps between public checkpoints", minimum=1),
    _H("completions_every", "int", None, "steps between sample completions", minimum=1),
    _H("num_completions", "int", 1, "sample completions each time", minimum=1, maximum=128),
    _H("completion_max_tokens", "int", 64, "longest sample completion", minimum=1, maximum=4096),
    _H("completion_prompts", "texts", None, "prompts of the samples; else drawn from the data", maximum=16),
    _H("eval_every", "int", "auto", "steps between validation losses", minimum=1, auto=True),
    _H("eval_batch_size", "int", "auto", "examples in a validation batch", minimum=1, maximum=256, auto=True),
    _H("classification", "mapping", None, "n_classes, or positive_class and betas: class metrics at each evaluation; "
       "auto counts the classes", auto=True, inner=CLASSIFICATION),
    _H("schedule", "choice", "cosine", "how the learning rate goes on", choices=("cosine", "linear", "constant")),
    _H("early_stopping", "int", None, "evaluations without a lower validation loss before training ends", minimum=1,
       maximum=1000),
    _H("tune", "choice", "auto", "which weights are trained", choices=("auto", "lora", "full")),
    _H("lora", "mapping", None, "r, alpha, dropout and target of the adapter", inner=LORA),
    _H("results", "choice", "openai", "which result files are written", choices=("openai", "classic")),
    _H("checkpoint_seconds", "float", 60, "shortest time between resume checkpoints", minimum=0),
)


def check_hyperparameters(values: Mapping[str, object], *, where: str | None = None) -> None:
    """Refuse unknown options and wrong values, all of them at once; names may be written with hyphens."""
    findings = []
    given = {name.replace("-", "_"): value for name, value in values.items()}
    for name, value in given.items():
        option = HYPERPARAMETERS.get(name)
        if option is None:
            near = difflib.get_close_matches(name, HYPERPARAMETERS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(HYPERPARAMETERS)}"
            findings.append(Finding("unknown-key", f"unknown job option '{name}'", where, hint, pointer=f"/{name}"))
        elif problem := option.problem(value):
            findings.append(Finding("value", f"{name}: {problem}", where, pointer=f"/{name}"))
    if given.get("learning_rate") is not None and given.get("learning_rate_multiplier") not in (None, "auto"):
        message = "learning_rate and learning_rate_multiplier exclude each other"
        findings.append(Finding("value", message, where, "give one of them", pointer="/learning_rate"))
    if findings:
        raise DataError(findings[0].message, hint=findings[0].hint, where=where, findings=findings)


def auto_epochs(examples: int) -> int:
    """Choose epochs for a number of examples: 3, more for very few, fewer for very many."""
    if examples < 1:
        return 3
    if 3 * examples < 100:
        return min(25, 100 // examples)
    return max(1, 25_000 // examples) if 3 * examples > 25_000 else 3


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

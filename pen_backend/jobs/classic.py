"""What the parameters of the classic `/v1/fine-tunes` mean for a job (openai-api.md, section 8): pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pen_backend.errors import BadParamsError

MODEL = "curie"
BATCH_SHARE, BATCH_MOST = 500, 256  # a step was about 0.2 % of the examples
PRETRAINING_MULTIPLIER = 0.1        # the classic multiplier that a multiplier of 1 is taken to be
SUFFIX_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of `openai api fine_tunes.create`, with its defaults; None is the API's null."""

    train: str
    valid: str | None = None
    model: str = MODEL
    n_epochs: int = 4
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    prompt_loss_weight: float = 0.01
    compute_classification_metrics: bool = False
    classification_n_classes: int | None = None
    classification_positive_class: str | None = None
    classification_betas: Sequence[float] | None = None
    suffix: str | None = None

    def __post_init__(self) -> None:
        """Refuse what the API refused, and what it would have passed over."""
        classes = {"classification_n_classes": self.classification_n_classes,
                   "classification_positive_class": self.classification_positive_class,
                   "classification_betas": self.classification_betas}
        given = [name for name, value in classes.items() if value is not None]
        if given and not self.compute_classification_metrics:
            raise BadParamsError(f"{given[0]} is given, but compute_classification_metrics is not.",
                                 hint="Give both, or none of them.")
        if self.compute_classification_metrics:
            self._check_classes()
        if self.suffix is not None and not 1 <= len(self.suffix) <= SUFFIX_LENGTH:
            raise BadParamsError(f"suffix must have 1 to {SUFFIX_LENGTH} characters, got {len(self.suffix)}.")

    def _check_classes(self) -> None:
        if self.valid is None:
            raise BadParamsError("compute_classification_metrics needs a validation file.", hint="Give one with -v.")
        if self.classification_n_classes is None and self.classification_positive_class is None:
            raise BadParamsError("compute_classification_metrics needs to know the classes.",
                                 hint="Give classification_n_classes, or classification_positive_class for two.")
        if self.classification_betas and self.classification_positive_class is None:
            raise BadParamsError("classification_betas are for two classes.",
                                 hint="Give classification_positive_class, or leave them out.")


def job_options(parameters: Parameters, examples: int | None) -> dict[str, Any]:
    """Return the options of the job that PARAMETERS describe, but for its model and files.

    EXAMPLES is the number of training examples, from which the batch size follows; None is not known.
    """
    size = parameters.batch_size
    if size is None and examples is not None:
        size = batch_size(examples)
    options = {
        "n_epochs": parameters.n_epochs, "batch_size": size,
        "learning_rate_multiplier": multiplier(parameters.learning_rate_multiplier),
        "prompt_loss_weight": parameters.prompt_loss_weight, "classification": _classification(parameters),
        "suffix": parameters.suffix, "results": "classic",
    }
    return {name: value for name, value in options.items() if value is not None}


def batch_size(examples: int) -> int:
    """Choose the largest power of two of at most 0.2 % of the examples, up to 256.

    >>> batch_size(9_000)
    16
    """
    return 1 << (max(1, min(BATCH_MOST, examples // BATCH_SHARE)).bit_length() - 1)


def multiplier(value: float | None) -> float | None:
    """Turn a factor on the pre-training rate into one on pen's default rate; None leaves it to the engine."""
    return None if value is None else value / PRETRAINING_MULTIPLIER


def _classification(parameters: Parameters) -> dict[str, Any] | None:
    if not parameters.compute_classification_metrics:
        return None
    found = {"n_classes": parameters.classification_n_classes,
             "positive_class": parameters.classification_positive_class,
             "betas": list(parameters.classification_betas) if parameters.classification_betas else None}
    return {name: value for name, value in found.items() if value is not None}

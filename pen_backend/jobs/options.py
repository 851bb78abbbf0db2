"""The options of a job: those of a definition below those given now, resolved, and held against each other."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pen_backend.errors import BadParamsError, DataError
from pen_backend.records import HYPERPARAMETERS, Example, Hyperparameter, check_hyperparameters, read_lines
from pen_backend.words import count

OFF = "off"
FEW = 3  # times as many examples as classes make a classification


def classification(asked: str | None = None, n_classes: int | None = None, positive_class: str | None = None,
                   betas: Sequence[float] = ()) -> Mapping[str, Any] | str | None:
    """Make the option `classification` of its parts; ASKED is "auto", "off" or not given."""
    parts = {"n_classes": n_classes, "positive_class": positive_class, "betas": list(betas) or None}
    given = {name: value for name, value in parts.items() if value is not None}
    if asked is not None and given:
        raise BadParamsError(f"classification: {asked} and {next(iter(given))} exclude each other.",
                             hint="Give one of them.")
    return given or asked


def check_given(given: Mapping[str, Any]) -> None:
    """Refuse wrong values of what somebody gives now: these are arguments, not data; None is not given."""
    try:
        check_hyperparameters({name: value for name, value in given.items() if value not in (None, OFF)})
    except DataError as error:
        raise BadParamsError(error.message, hint=error.hint, findings=error.findings) from None


def merged(defaults: Mapping[str, Any] | None, overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    """Lay OVERRIDES over the options of a definition; None is not given, and "auto" leaves an option to the engine."""
    given = {name.replace("-", "_"): value for name, value in (defaults or {}).items() if value is not None}
    wanted = {name: value for name, value in (overrides or {}).items() if value is not None}
    if {"learning_rate", "learning_rate_multiplier"} <= wanted.keys():
        raise BadParamsError("learning_rate and learning_rate_multiplier exclude each other.", hint="Give one of them.")
    # A rate given now replaces whichever of the two the definition has.
    if "learning_rate" in wanted:
        given.pop("learning_rate_multiplier", None)
    if "learning_rate_multiplier" in wanted:
        given.pop("learning_rate", None)
    whole = {name: _underscored(HYPERPARAMETERS.get(name), value) for name, value in {**given, **wanted}.items()}
    if whole.get("classification") == OFF:
        del whole["classification"]
    return {name: value for name, value in whole.items()
            if value != "auto" or name not in HYPERPARAMETERS or name == "classification"}


def _underscored(option: Hyperparameter | None, value: Any) -> Any:
    """Write the keys of a mapping as the engine does; definitions may write them with hyphens."""
    if option is None or not option.inner or not isinstance(value, Mapping):
        return value
    return {str(key).replace("-", "_"): each for key, each in value.items()}


def counted(options: Mapping[str, Any], train: Path | str) -> dict[str, Any]:
    """Resolve `classification: auto` by the completions of the training file."""
    if options.get("classification") != "auto":
        return dict(options)
    if not isinstance(train, Path):
        raise BadParamsError(f"classification: auto counts the classes of a file on this machine, and {train} is one "
                             "that was uploaded.", hint="Say how many there are with n_classes.")
    labels = Counter(example.segments[-1].text.strip() for example in _examples(train))
    if not 2 <= len(labels) <= labels.total() / FEW:
        raise DataError(f"classification: auto finds no classes: {count(len(labels), 'different completion')} in "
                        f"{count(labels.total(), 'example')}.", where=str(train),
                        hint="Leave classification out, or say how many classes there are with n_classes.")
    return {**options, "classification": {"n_classes": len(labels)}}


def _examples(train: Path) -> Iterator[Example]:
    with train.open("rb") as stream:
        for item in read_lines(stream, source=train.name):
            if isinstance(item, tuple) and len(item[2].segments) > 1:
                yield item[2]


def check_together(options: Mapping[str, Any], *, method: str, has_valid: bool) -> None:
    """Refuse options that do not fit together, before anything is uploaded."""
    classes, window, dpo = options.get("classification"), options.get("packing") == "window", method == "dpo"
    asked = classes if isinstance(classes, Mapping) else {}
    for broken, message, hint in (
        (classes is not None and not has_valid, "Classification is measured on the validation file, and there is none.",
         "Give a validation file, or leave classification out."),
        (options.get("early_stopping") is not None and not has_valid,
         "early_stopping watches the validation loss, and there is no validation file.",
         "Give a validation file, or leave early_stopping out."),
        (classes is not None and window, "Classification needs whole examples, and packing is window.",
         "Leave one of them out."),
        (classes is not None and dpo, "Preferences have no classes.", "Leave classification out."),
        (dpo and window, "Preferences need whole examples, and packing is window.", "Leave packing out."),
        (options.get("lora") is not None and options.get("tune") == "full", "lora is given, and tune is full.",
         "Leave one of them out."),
        (classes is not None and asked.get("n_classes") is None and asked.get("positive_class") is None,
         "Classification needs n_classes, or positive_class where there are two.", "Give one of them."),
        (asked.get("betas") is not None and asked.get("positive_class") is None, "betas are for two classes.",
         "Give a positive_class, or leave them out."),
        (asked.get("positive_class") is not None and asked.get("n_classes") not in (None, 2),
         "positive_class is for two classes.", "Leave it out, or n_classes."),
    ):
        if broken:
            raise DataError(message, hint=hint)

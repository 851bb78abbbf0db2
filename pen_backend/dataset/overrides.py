"""What a caller gives a build instead of what its definition says."""

from collections.abc import Mapping, Sequence

from pen_backend.dataset.examples import lists_of
from pen_backend.dataset.opening import SOURCES
from pen_backend.errors import BadParamsError, PromptError
from pen_backend.prompts.definition import Definition
from pen_backend.prompts.sources import Source
from pen_backend.prompts.training import Anonymise, Step, TrainingSpec, Valid


def effective(definition: Definition, sources: Sequence[Source] | None, seed: int | None,
              overrides: Mapping[str, object]) -> TrainingSpec:
    """Return a definition's `training:` with what the caller gives instead.

    OVERRIDES may hold `valid_share`, `job`, `loss_weights`, `longest` (tokens of a row), `max_tokens` (the same for a
    definition that sets none: what the model can read at once), `author` (of the messages that are learned) and
    `anonymise` (for a definition without that step).
    """
    if not definition.is_trainable:
        raise PromptError("There is no completion to train on.", where=definition.where(),
                          hint="Add a `completion:` template.")
    spec = definition.training or TrainingSpec()
    changes: dict[str, object] = {}
    if sources is not None:
        changes["sources"] = tuple(sources)
    if seed is not None:
        changes["seed"] = seed
    for name, value in overrides.items():
        if value is not None:
            changes |= _override(spec.model_copy(update=changes), name, value)
    spec = spec.model_copy(update=changes)
    if not spec.sources:
        key = "`training: {sources: […]}`" if definition.set_name == definition.name else "them to `sources:`"
        raise PromptError(f"{definition.set_name} names no sources, and none were given.",
                          where=definition.where(*SOURCES), hint=f"Add {key}, or name a file.")
    if spec.example.build == "continuation":
        lists_of(definition)
    return spec


def _override(spec: TrainingSpec, name: str, value: object) -> dict[str, object]:
    """Return the keys of SPEC that an override changes."""
    example = spec.example
    match name, value:
        case "valid_share", int() | float() if 0 <= value < 1:
            return {"split": spec.split.model_copy(update={"valid": Valid(share=float(value))})}
        case "max_tokens" | "longest", int() if value > 0:
            keep = name == "max_tokens" and example.max_tokens is not None
            return {} if keep else {"example": example.model_copy(update={"max_tokens": value})}
        case "loss_weights", list() | tuple():
            return {"example": example.model_copy(update={"loss_weights": tuple(value)})}
        case "author", str() if example.build == "turns":
            return {"example": example.model_copy(update={"reply_by": value})}
        case "author", str():
            return {"sources": tuple(one.model_copy(update={"user": value}) for one in spec.sources)}
        case "anonymise", True:
            has = any(step.anonymise is not None for step in spec.steps)
            return {} if has else {"steps": (Step(anonymise=Anonymise()), *spec.steps)}
        case "job", Mapping():
            return {"job": {**spec.job, **{str(key).replace("_", "-"): item for key, item in value.items()}}}
    raise BadParamsError(f"{name} cannot be {value!r}.", hint="`valid_share` is a share from 0 to below 1.")

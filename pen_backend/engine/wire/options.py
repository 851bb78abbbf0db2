"""pen's own job options: the table of openai-api.md section 5, and the three places where they travel."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, model_validator

from pen_backend.engine.wire.body import Request
from pen_backend.engine.wire.errors import invalid_value

Steps = Annotated[int, Field(ge=1)]

STANDARD = ("batch_size", "learning_rate_multiplier", "n_epochs")


class Lora(Request):
    """The shape of an adapter."""

    r: Annotated[int, Field(ge=1, le=1024)] = Field(16, description="an integer from 1 to 1024")
    alpha: Annotated[float, Field(gt=0)] = Field(32, description="a number above 0")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="a number from 0, below 1")
    target: str = Field("all-linear", description="'all-linear'")


class Classification(Request):
    """Which classes are measured."""

    n_classes: Annotated[int, Field(ge=2, le=10_000)] | None = Field(None, description="an integer from 2")
    positive_class: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None, description="one of two completions")
    betas: Annotated[list[Annotated[float, Field(gt=0, le=100)]], Field(min_length=1, max_length=16)] | None = Field(
        None, description="a list of 1 to 16 numbers above 0")

    @model_validator(mode="after")
    def _of_two_or_of_many(self) -> "Classification":
        if self.n_classes is None and self.positive_class is None:
            raise ValueError("'classification' needs 'n_classes', or 'positive_class' where there are two.")
        if self.positive_class is not None and self.n_classes not in (None, 2):
            raise ValueError("'positive_class' is for two classes; leave it out, or 'n_classes'.")
        if self.betas is not None and self.positive_class is None:
            raise ValueError("'betas' need a 'positive_class'.")
        return self


class Options(Request):
    """Every option pen adds to a job."""

    prompt_loss_weight: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="a number from 0 to 1")
    packing: Literal["examples", "window"] = Field("examples", description="'examples' or 'window'")
    max_tokens: Annotated[int, Field(ge=2)] | None = Field(None, description="an integer of at least 2")
    overlong: Literal["error", "drop", "truncate"] = Field("error", description="'error', 'drop' or 'truncate'")
    snapshots_every: Steps | None = Field(None, description="a number of steps, at least 1")
    completions_every: Steps | None = Field(None, description="a number of steps, at least 1")
    num_completions: Annotated[int, Field(ge=1, le=128)] = Field(1, description="an integer from 1 to 128")
    completion_max_tokens: Annotated[int, Field(ge=1, le=4096)] = Field(64, description="an integer from 1 to 4096")
    completion_prompts: Annotated[list[str], Field(min_length=1, max_length=16)] | None = Field(
        None, description="a list of 1 to 16 strings")
    eval_every: Steps | Literal["auto"] | None = Field(None, description="'auto' or a number of steps, at least 1")
    eval_batch_size: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] | None = Field(
        None, description="'auto' or an integer from 1 to 256")
    classification: Classification | None = Field(
        None, description="an object with 'n_classes', or 'positive_class' and 'betas'")
    results: Literal["openai", "classic"] = Field("openai", description="'openai' or 'classic'")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine", description="'cosine', 'linear' or 'constant'")
    early_stopping: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="a number of evaluations, at least 1")
    tune: Literal["auto", "lora", "full"] = Field("auto", description="'auto', 'lora' or 'full'")
    lora: Lora | None = Field(None, description="an object of r, alpha, dropout and target")
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="a number above 0, at most 1")
    checkpoint_seconds: Annotated[float, Field(ge=0)] = Field(60.0, description="a number of seconds, at least 0")


NAMES = tuple(Options.model_fields)


def gather(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the options out of a job creation, from every place they may be in; return them and the rest of the body.

    The places: `pen`, unknown keys of the hyperparameters, and `metadata["pen.NAME"]` texts.
    """
    rest = dict(body)
    found: dict[str, Any] = {}
    own = rest.pop("pen", None)
    if own is not None and not isinstance(own, dict):
        raise invalid_value("pen", "'pen' must be an object.")
    _add(found, own or {}, "pen")
    for path in (("hyperparameters",), *(("method", kind, "hyperparameters") for kind in ("supervised", "dpo"))):
        holder = _holder(rest, path)
        if holder is not None:
            hyperparameters = holder[path[-1]]
            _add(found, {key: value for key, value in hyperparameters.items() if key in NAMES}, ".".join(path))
            holder[path[-1]] = {key: value for key, value in hyperparameters.items() if key not in NAMES}
    metadata = rest.get("metadata")
    if isinstance(metadata, dict):
        texts = {key.removeprefix("pen."): value for key, value in metadata.items() if key.startswith("pen.")}
        _add(found, {key: _value(text) for key, text in texts.items() if key in NAMES and isinstance(text, str)},
             "metadata")
    return found, rest


def _holder(body: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    """Copy the nested objects on the way to PATH, so that the caller's body stays as it was."""
    holder = body
    for name in path[:-1]:
        inner = holder.get(name)
        if not isinstance(inner, dict):
            return None
        holder[name] = dict(inner)
        holder = holder[name]
    return holder if isinstance(holder.get(path[-1]), dict) else None


def _add(found: dict[str, Any], more: Mapping[str, Any], place: str) -> None:
    for name, value in more.items():
        if name in found and found[name] != value:
            raise invalid_value(f"pen.{name}",
                                f"'{name}' is given twice with different values; the second is in '{place}'.")
        found[name] = value


def _value(text: str) -> Any:
    """Read a metadata text: JSON where it is JSON, else the text itself."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text

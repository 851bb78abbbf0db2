"""Fine-tuning jobs: the creation request, checked, with every spelling reduced to one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from pen_backend.engine.wire.body import Request, check
from pen_backend.engine.wire.errors import invalid_value, unknown_parameter, unsupported_parameter
from pen_backend.engine.wire.options import NAMES, STANDARD, Options, gather

METADATA_PAIRS, METADATA_KEY, METADATA_VALUE = 16, 64, 512


class Hyperparameters(Request):
    """OpenAI's three knobs; each may be "auto"."""

    batch_size: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = Field(
        "auto", description="'auto' or an integer from 1 to 256")
    learning_rate_multiplier: Literal["auto"] | Annotated[float, Field(gt=0)] = Field(
        "auto", description="'auto' or a number above 0")
    n_epochs: Literal["auto"] | Annotated[int, Field(ge=1, le=50)] = Field(
        "auto", description="'auto' or an integer from 1 to 50")


class Preferences(Hyperparameters):
    """The same for `dpo`, and how strongly it holds to the preferences."""

    beta: Literal["auto"] | Annotated[float, Field(gt=0, le=2)] = Field(
        "auto", description="'auto' or a number above 0, at most 2")


class Supervised(Request):
    """`method.supervised`."""

    hyperparameters: Hyperparameters | None = Field(None, description="an object")


class Dpo(Request):
    """`method.dpo`."""

    hyperparameters: Preferences | None = Field(None, description="an object")


class Method(Request):
    """`method`: how to train."""

    type: Literal["supervised", "dpo", "reinforcement"] = Field(description="'supervised' or 'dpo'")
    supervised: Supervised | None = Field(None, description="an object")
    dpo: Dpo | None = Field(None, description="an object")
    reinforcement: dict[str, Any] | None = Field(None, description="absent")


class JobRequest(Request):
    """The body of POST /v1/fine_tuning/jobs, without pen's options."""

    model: str = Field(description="the name of a model")
    training_file: str = Field(description="the id of an uploaded file")
    validation_file: str | None = Field(None, description="the id of an uploaded file, or null")
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="a string of 1 to 64 characters")
    seed: Annotated[int, Field(ge=0, le=2147483647)] | None = Field(
        None, description="an integer from 0 to 2147483647")
    metadata: dict[str, str] | None = Field(None, description="an object of strings")
    integrations: list[dict[str, Any]] | None = Field(None, description="null")
    hyperparameters: Hyperparameters | None = Field(None, description="an object")
    method: Method | None = Field(None, description="an object with 'type'")


@dataclass(frozen=True, slots=True)
class Creation:
    """A job creation: the request, how to train, its hyperparameters, pen's options."""

    request: JobRequest
    method: Literal["supervised", "dpo"]
    hyperparameters: Hyperparameters
    options: Options


def read_creation(body: Mapping[str, Any]) -> Creation:
    """Check a job creation; options are taken from wherever they travel."""
    found, rest = gather(body)
    options = _options(found)
    _unknown_hyperparameters(rest)
    request = check(JobRequest, rest)
    if request.integrations:
        raise unsupported_parameter("integrations", "'integrations' are not supported; pen sends nothing elsewhere.")
    method = "supervised" if request.method is None else request.method.type
    if method == "reinforcement":
        raise unsupported_parameter("method.type", "pen trains 'supervised' and 'dpo', not 'reinforcement'.")
    if request.method is not None:
        _check_only(request.method, method)
    _check_metadata(request.metadata or {})
    hyperparameters = _preferences(request) if method == "dpo" else _hyperparameters(request)
    if options.learning_rate is not None and hyperparameters.learning_rate_multiplier != "auto":
        raise invalid_value("pen.learning_rate",
                            "'learning_rate' and 'learning_rate_multiplier' exclude each other; give one of them.")
    if options.lora is not None and options.tune == "full":
        raise invalid_value("pen.lora", "'lora' is given, but 'tune' is 'full'; drop one of them.")
    if options.classification is not None and request.validation_file is None:
        raise invalid_value("pen.classification", "'classification' is measured on the validation file; give one.")
    if options.early_stopping is not None and request.validation_file is None:
        raise invalid_value("pen.early_stopping", "'early_stopping' watches the validation loss; give a "
                                                  "'validation_file'.")
    if options.classification is not None and options.packing == "window":
        raise invalid_value("pen.classification", "'classification' needs whole examples; 'packing' is 'window'.")
    if method == "dpo" and options.classification is not None:
        raise invalid_value("pen.classification", "'dpo' compares answers and has no classes; leave it out.")
    if method == "dpo" and options.packing == "window":
        raise invalid_value("pen.packing", "'dpo' needs whole examples; 'packing' is 'window'.")
    return Creation(request, method, hyperparameters, options)


def _options(found: dict[str, Any]) -> Options:
    for name in found:
        if name not in NAMES:
            raise unknown_parameter(name, (*NAMES, *STANDARD), param=f"pen.{name}")
    return check(Options, found, prefix="pen.")


def _unknown_hyperparameters(body: Mapping[str, Any]) -> None:
    """Refuse what is neither OpenAI's nor pen's, with the nearest name of both."""
    method = body.get("method")
    places = {"hyperparameters": body.get("hyperparameters")}
    for kind in ("supervised", "dpo"):
        inner = method.get(kind) if isinstance(method, dict) else None
        places[f"method.{kind}.hyperparameters"] = inner.get("hyperparameters") if isinstance(inner, dict) else None
    for place, found in places.items():
        known = (*STANDARD, "beta") if ".dpo." in place else STANDARD
        for name in found if isinstance(found, dict) else ():
            if name not in known:
                raise unknown_parameter(name, (*NAMES, *known), param=f"{place}.{name}")


def _check_only(method: Method, chosen: str) -> None:
    """Refuse what another way of training would be told: nobody would hear that it is left out."""
    for kind in ("supervised", "dpo", "reinforcement"):
        if kind != chosen and getattr(method, kind) is not None:
            raise invalid_value(f"method.{kind}", f"'method.{kind}' is given, but 'method.type' is '{chosen}'; leave "
                                                  "out the one that is not meant.")


def _hyperparameters(request: JobRequest) -> Hyperparameters:
    """Reduce the deprecated spelling and the new one to one."""
    old = request.hyperparameters
    new = request.method.supervised.hyperparameters if request.method and request.method.supervised else None
    if old is not None and new is not None and old != new:
        raise invalid_value("hyperparameters", "'hyperparameters' and 'method.supervised.hyperparameters' differ; "
                                               "give one of them.")
    return new or old or Hyperparameters.model_validate({})


def _preferences(request: JobRequest) -> Preferences:
    """Take those of `dpo`; the deprecated spelling is one of `supervised` only."""
    if request.hyperparameters is not None:
        raise invalid_value("hyperparameters", "'hyperparameters' are those of 'supervised'; write "
                                               "'method.dpo.hyperparameters'.")
    found = request.method.dpo.hyperparameters if request.method and request.method.dpo else None
    return found or Preferences.model_validate({})


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > METADATA_PAIRS:
        raise invalid_value("metadata", f"'metadata' has {len(metadata)} pairs; at most {METADATA_PAIRS} are allowed.")
    for key, value in metadata.items():
        if len(key) > METADATA_KEY or len(value) > METADATA_VALUE:
            raise invalid_value("metadata", f"'metadata' keys have at most {METADATA_KEY} characters and values "
                                            f"{METADATA_VALUE}.")

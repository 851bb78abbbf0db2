"""JSON bodies: read with limits, then checked against a request's model; what is wrong is said without quoting it."""

from collections.abc import Iterable
from typing import Any, TypeVar, get_args

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from pen_backend.engine.wire.errors import ApiError, invalid_value, unknown_parameter

BODY_LIMIT = 16 * 1024 * 1024
DEPTH_LIMIT = 64


class Request(BaseModel):
    """What every request has in common: exact JSON types, no unknown keys.

    A field's `description` finishes the sentence "`field` must be …" of its error.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True,
                              allow_inf_nan=False, protected_namespaces=())


Model = TypeVar("Model", bound=BaseModel)


def parse(data: bytes) -> dict[str, Any]:
    """Read a JSON object: strict UTF-8, no NaN, no lone surrogates, at most 64 levels."""
    try:
        value = orjson.loads(data)
    except (ValueError, RecursionError) as error:
        raise invalid_value(None, f"The body is not valid JSON ({str(error).partition(':')[0]}).") from None
    if not isinstance(value, dict):
        raise invalid_value(None, "The body must be a JSON object.")
    level: list[object] = [value]
    for _ in range(DEPTH_LIMIT):
        level = [child for each in level for child in _children(each)]
        if not level:
            return value
    raise invalid_value(None, f"The body is nested more than {DEPTH_LIMIT} levels deep.")


def _children(value: object) -> Iterable[object]:
    children: Iterable[object] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in children if isinstance(child, dict | list)]


def check(model: type[Model], value: dict[str, Any], *, prefix: str = "") -> Model:
    """Check VALUE against MODEL, or say which parameter is wrong and what it must be."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _refusal(model, error.errors(include_url=False, include_input=False), prefix) from None


def _refusal(model: type[BaseModel], errors: list[ErrorDetails], prefix: str) -> ApiError:
    unknown = [each for each in errors if each["type"] == "extra_forbidden"]
    error = (unknown or errors)[0]
    names = [str(part) for part in error["loc"]]
    holder, inner, path = _walk(model, names)
    if unknown:
        return unknown_parameter(names[-1], inner.model_fields, param=prefix + ".".join([*path, names[-1]]))
    param = prefix + ".".join(path) or None
    if error["type"] == "missing":
        return ApiError(400, "missing_required_parameter", f"The parameter '{param}' is required.", param=param)
    if error["type"] == "value_error":  # one of our own validators: its sentence is complete
        message = error["msg"].removeprefix("Value error, ")
        about = message.split("'")[1] if message.startswith("'") else ""
        return invalid_value(prefix + about if not path and about in model.model_fields else param, message)
    description = holder.model_fields[path[-1]].description if path else None
    return invalid_value(param, f"'{param}' must be {description}." if description else f"'{param}': {error['msg']}.")


def _walk(model: type[BaseModel], names: list[str]) -> tuple[type[BaseModel], type[BaseModel], list[str]]:
    """Follow an error's place down the nested models; pydantic mixes the names of union members into it."""
    holder, inner = model, model
    path: list[str] = []
    for name in names:
        if name in inner.model_fields:
            path.append(name)
            holder = inner
            models = [each for each in _types(inner.model_fields[name].annotation)
                      if isinstance(each, type) and issubclass(each, BaseModel)]
            if not models:
                break
            inner = models[0]
    return holder, inner, path


def _types(annotation: object) -> list[object]:
    return [annotation, *(inner for each in get_args(annotation) for inner in _types(each))]

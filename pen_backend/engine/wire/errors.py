"""The error answers of the HTTP contract: one class, one function for each thing a caller can do about it."""

import difflib
from collections.abc import Iterable, Mapping

_TYPES = {401: "authentication_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """An answer other than 200: status, code, one sentence, and the parameter it is about."""

    def __init__(self, status: int, code: str, message: str, *, param: str | None = None,
                 headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.headers = dict(headers or {})
        if status in (409, 507):
            self.headers["x-should-retry"] = "false"  # the client repeats 409 and 5xx by itself otherwise

    @property
    def body(self) -> dict[str, object]:
        """Build the body every error answer has."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def invalid_value(param: str | None, message: str) -> ApiError:
    """Say that a value is wrong, and which."""
    return ApiError(400, "invalid_value", message, param=param)


def unsupported_parameter(param: str, message: str) -> ApiError:
    """Say that OpenAI knows this parameter, and pen does not."""
    return ApiError(400, "unsupported_parameter", message, param=param)


def unknown_parameter(name: str, known: Iterable[str], *, param: str | None = None) -> ApiError:
    """Say that nobody knows this parameter, with the nearest name that exists."""
    message = f"Unknown parameter '{param or name}'{nearest(name, known)}"
    return ApiError(400, "unknown_parameter", message, param=param or name)


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name most like NAME, as the end of a sentence, or end it."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{found[0]}'?" if found else "."


def not_found(kind: str, identifier: str) -> ApiError:
    """Say that there is no such `file`, `job` or `model`."""
    param = {"file": "file_id", "job": "fine_tuning_job_id", "model": "model"}[kind]
    return ApiError(404, f"{kind}_not_found", f"There is no {kind} '{_short(identifier)}'.", param=param)


def unknown_model(name: str, known: list[str]) -> ApiError:
    """Say that there is no such model, and which are."""
    listed = ", ".join(known[:8]) or "none"
    short = name if len(name) <= 80 else name[:77] + "…"
    return ApiError(404, "model_not_found", f"There is no model '{short}'{nearest(name, known)} There are: {listed}.",
                    param="model")


def invalid_state(message: str) -> ApiError:
    """Say that the object's state forbids the action."""
    return ApiError(409, "invalid_job_state", message)


def queue_full(message: str, *, seconds: int) -> ApiError:
    """Say that too much is waiting, and when to come again."""
    return ApiError(429, "queue_full", message, headers={"Retry-After": str(seconds)})


def unavailable(message: str) -> ApiError:
    """Say that this will work again in a moment."""
    return ApiError(503, "unavailable", message)


def no_space(message: str) -> ApiError:
    """Say that the disk is full."""
    return ApiError(507, "no_space", message)


def too_large(what: str, limit: int) -> ApiError:
    """Say which limit was exceeded."""
    return ApiError(413, "too_large", f"{what} is larger than the limit of {limit:,} bytes.")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"

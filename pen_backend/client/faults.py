"""What can go wrong with a provider: which faults are worth repeating, and every error of openai as one of ours."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from pen_backend.errors import (
    AuthError,
    BadParamsError,
    BusyError,
    DataError,
    DeadlineError,
    InternalError,
    NotFoundError,
    PenError,
    RefusedError,
    TooLargeError,
    UpstreamError,
)
from pen_backend.secrets import redact
from pen_backend.words import count

LONGEST_WAIT = 300.0  # seconds a provider may ask us to wait


def retry_after(error: Exception) -> float | None:
    """Say how many seconds to wait at least before ERROR's call is worth repeating; None: never."""
    import openai

    if isinstance(error, json.JSONDecodeError | UnicodeError | openai.APIConnectionError):
        return 0.0
    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    passing = error.status_code in (408, 429) or error.status_code >= 500
    if not passing or error.code == "insufficient_quota" or headers.get("x-should-retry") == "false":
        return None
    with contextlib.suppress(ValueError):
        return min(float(headers.get("retry-after", "0")), LONGEST_WAIT)
    return 0.0


def translate(error: Exception, *, host: str, local: bool) -> PenError:
    """Turn any error of a call into ours; a hosted provider's own words are not passed on: they may quote a key."""
    import openai

    if isinstance(error, PenError):
        return error
    if isinstance(error, openai.APITimeoutError):
        return DeadlineError(f"{host} did not answer in time.", hint="Try again.")
    if isinstance(error, openai.APIConnectionError):
        what = "The local engine" if local else host
        return UpstreamError(f"{what} could not be reached, or broke the connection.",
                             hint="Try again; `pen engine status` says whether it runs." if local else "Try again.")
    if isinstance(error, openai.APIStatusError):
        return _from_status(error, host, local)
    if isinstance(error, openai.APIResponseValidationError | ValueError | RecursionError):  # also bytes, digits, depth
        return UpstreamError(f"{host} sent an answer that is no valid JSON.", hint="Try again.")
    if isinstance(error, openai.APIError):  # in the middle of a stream
        own = redact(error.message) if local else f"{host} reported an error"
        return UpstreamError(f"{own}{_details(error)}".rstrip(".") + ".")
    if isinstance(error, AttributeError) and "_set_private_attributes" in str(error):
        return login_page()  # what openai makes of a page where it expects a list
    if isinstance(error, openai.OpenAIError):
        return UpstreamError(f"The answer of {host} could not be used ({type(error).__name__}).")
    return InternalError(f"A call to {host} failed in an unexpected way ({type(error).__name__}).")


def _from_status(error: Any, host: str, local: bool) -> PenError:
    status = error.status_code
    message = f"{host} answered {status}{_details(error)}."
    if local and isinstance(error.body, dict) and error.body.get("message"):
        message = redact(str(error.body["message"]))
    if status in (400, 422):
        kind = {"invalid_file": DataError, "context_length_exceeded": TooLargeError}.get(error.code, BadParamsError)
        return kind(message)
    if error.code == "cannot_delete_base_model":
        return RefusedError(message)
    if status in (401, 403):
        hint = "Restart the engine: `pen engine stop`." if local else "Check the key: PEN_API_KEY or OPENAI_API_KEY."
        return AuthError(message, hint=hint)
    if status == 404:
        there = "`pen jobs list` shows those that there are." if error.code == "job_not_found" else None
        return NotFoundError(message, hint=there)
    if status == 409:
        return BadParamsError(message)
    if status == 413:
        return TooLargeError(message)
    if status == 429 and error.code != "insufficient_quota":
        wait = error.response.headers.get("retry-after")
        # It may be a date, too.
        soon = f"Try again in {count(int(wait), 'second')}." if wait and wait.isdecimal() else "Try again later."
        return BusyError(message, hint=soon)
    if 300 <= status < 400:
        return UpstreamError(f"{host} answered {status}: it sends requests on to another address, which pen does not"
                             " follow, because the key would go with them.",
                             hint="Set the provider's address to the one that answers.")
    return UpstreamError(message, hint="Look at the account's quota." if status == 429 else None)


def _details(error: Any) -> str:
    """Return what identifies a fault and quotes nobody: code, parameter, request id."""
    request = getattr(error, "request_id", None)
    parts = [redact(str(part)) for part in (error.code, error.param and f"param {error.param}",
                                            request and f"request {request}") if part]
    return f" ({', '.join(parts)})" if parts else ""


def login_page() -> UpstreamError:
    """Make the error of an answer that is text where an object was due."""
    return UpstreamError("The provider answered with something that looks like a login page.",
                         hint="Check the provider's address, and whether a proxy is in the way.")

"""Why a call failed: one tree under `KpnThingsError`, by cause.

    KpnThingsError
    ├── ConfigError             a setting is missing, malformed, or contradicts another   (ValueError)
    ├── InputError              an argument cannot be right; nothing was sent             (ValueError)
    ├── TransportError          no usable answer came
    │   ├── ConnectError        no connection: nothing was sent                           (ConnectionError)
    │   ├── TimeoutError        the time of the attempt ran out                           (builtins.TimeoutError)
    │   │   └── DeadlineError   the time of the whole call ran out
    │   ├── InterruptedError    the connection broke before the whole answer was there    (ConnectionError)
    │   └── TooLargeError       the response is larger than allowed
    │       └── HeadTooLargeError   its head is
    ├── CancelledError          the program itself stopped the call
    ├── ApiError                the service refused
    │   ├── AuthError           302 or 401, or GRIP gave no token                         (PermissionError)
    │   ├── BadRequestError     400
    │   ├── ForbiddenError      403                                                       (PermissionError)
    │   ├── NotFoundError       404
    │   ├── RateLimitedError    429
    │   ├── ServerError         5xx
    │   └── UnexpectedStatusError
    ├── DecodeError             a 2xx answer that is not what the documentation shows     (ValueError)
    │   └── TooDeepError        its JSON is nested too deeply
    └── ListingError            the pages of a listing contradict each other
        ├── TooManyPagesError   there are more of them than allowed
        └── IncompleteError     a listing by `verified` could not be proven complete

Every one has the attributes of `KpnThingsError`, what you can do as a note, and can be pickled and copied. None holds a
secret or a token.
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from ._native import Device

__all__ = [
    "ApiError",
    "AuthError",
    "BadRequestError",
    "CancelledError",
    "ConfigError",
    "ConnectError",
    "DeadlineError",
    "DecodeError",
    "ForbiddenError",
    "HeadTooLargeError",
    "IncompleteError",
    "InputError",
    "InterruptedError",
    "KpnThingsError",
    "ListingError",
    "NotFoundError",
    "RateLimitedError",
    "ServerError",
    "TimeoutError",
    "TooDeepError",
    "TooLargeError",
    "TooManyPagesError",
    "TransportError",
    "UnexpectedStatusError",
]


class KpnThingsError(Exception):
    """Any failure of this library. `str()` says what was asked of whom, how often, and what came of it."""

    hint: str | None = None
    """What you can do about it, where that is known; also a note of the exception."""

    method: str | None = None
    """The method of the request that failed."""

    url: str | None = None
    """The URL of the request that failed, without its query."""

    status: int | None = None
    """The status of the last answer, if there was one."""

    body: Any = None
    """The body of the answer that refused: plain data if it was JSON, else `bytes`, or `None`."""

    retry_after: float | None = None
    """Seconds that the service asks to wait."""

    external_reference: str | None = None
    """Your own name for the downlink that failed, if it has one."""

    attempts: int = 0
    """How many requests were sent for the part of the call that failed."""

    elapsed: float = 0.0
    """Seconds that the call took until it failed."""

    stage: Literal["prepare", "token", "context_switch", "call"] = "prepare"
    """Which part of the call failed."""

    gave_up_because: str | None = None
    """Why the client did not try again, such as `attempts_exhausted` or `may_have_arrived`."""

    is_retryable: bool = False
    """Whether the same call can succeed later, and cannot do anything twice. The client has made its own retries by then: wait
    before another one, at least for `retry_after`."""

    reference: str | None = None
    """The service's own reference of the failed request, for its service desk."""

    outcome: Literal["not_sent", "unknown"] | None = None
    """For a downlink: `not_sent` if it is proven that the service did not act on it, else `unknown`: it may have arrived,
    and was not repeated. `None` for reads."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), str(self), self.__dict__)


class ConfigError(KpnThingsError, ValueError):
    """A setting is missing, malformed, or contradicts another. Nothing was sent."""


class InputError(KpnThingsError, ValueError):
    """An argument cannot be right. Nothing was sent."""


class TransportError(KpnThingsError):
    """No usable answer came."""


class ConnectError(TransportError, ConnectionError):
    """No connection could be made: refused, DNS, TLS, proxy. Nothing was sent."""


class TimeoutError(TransportError, builtins.TimeoutError):
    """No answer within the time of the attempt."""


class DeadlineError(TimeoutError):
    """The time of the whole call ran out: token, retries and pauses, or all pages of a listing that has a time of its own."""


class InterruptedError(TransportError, ConnectionError):
    """The connection broke before the whole answer was there."""


class CancelledError(KpnThingsError):
    """The program itself stopped the call, or the listing."""


class TooLargeError(TransportError):
    """The response is larger than `max_body` allows."""


class HeadTooLargeError(TooLargeError):
    """The head of the response is larger than the client takes."""


class ApiError(KpnThingsError):
    """The service refused. `status` and `body` say how."""


class AuthError(ApiError, PermissionError):
    """The access token was rejected (302 or 401), or GRIP refused to give one."""


class BadRequestError(ApiError):
    """400: body, `Accept` or a query parameter is badly formed."""


class ForbiddenError(ApiError, PermissionError):
    """403: the token is right, and has no authorisation for this resource."""


class NotFoundError(ApiError):
    """404."""


class RateLimitedError(ApiError):
    """429. `retry_after` holds the seconds to wait, if the service said so."""


class ServerError(ApiError):
    """5xx."""


class UnexpectedStatusError(ApiError):
    """A status outside 2xx that has no class of its own."""


class DecodeError(KpnThingsError, ValueError):
    """A 2xx answer that is not what the documentation shows."""


class TooDeepError(DecodeError):
    """A 2xx answer whose JSON is nested too deeply: more than 127 levels, or in `Response.json` more than Python reads."""


class ListingError(KpnThingsError):
    """The pages of a listing contradict each other."""


class TooManyPagesError(ListingError):
    """A listing has more pages than `max_pages` allows, or does not end."""


class IncompleteError(ListingError):
    """A listing by `verified` could not be proven complete."""

    why: str = ""
    """Why the proof failed."""

    gaps: tuple[tuple[str | None, str | None], ...] = ()
    """Where a device may be missing: the `uuid` of the device in front of each gap and of the one behind it. `None` is the
    start or the end of the listing."""

    devices: tuple[Device, ...] = ()
    """What `collect` had listed. Each device was there while the listing ran. Up to the first gap, none is missing. Empty if
    the devices were iterated over."""


_CLASSES: dict[str, type[KpnThingsError]] = {
    "Config": ConfigError,
    "Input": InputError,
    "Connect": ConnectError,
    "Timeout": TimeoutError,
    "Deadline": DeadlineError,
    "Interrupted": InterruptedError,
    "Cancelled": CancelledError,
    "TooLarge": TooLargeError,
    "HeadTooLarge": HeadTooLargeError,
    "Transport": TransportError,
    "Auth": AuthError,
    "BadRequest": BadRequestError,
    "Forbidden": ForbiddenError,
    "NotFound": NotFoundError,
    "RateLimited": RateLimitedError,
    "Server": ServerError,
    "UnexpectedStatus": UnexpectedStatusError,
    "Decode": DecodeError,
    "TooDeep": TooDeepError,
    "Listing": ListingError,
    "TooManyPages": TooManyPagesError,
    "Incomplete": IncompleteError,
}


def _from_core(kind: str, text: str, fields: dict[str, Any]) -> KpnThingsError:
    """The exception for an error of the core, by its kind."""
    error = _again(_CLASSES[kind], text, fields)
    if error.hint and hasattr(error, "add_note"):  # Python 3.11
        error.add_note(f"hint: {error.hint}")
    return error


def _again(kind: type[KpnThingsError], text: str, fields: dict[str, Any]) -> KpnThingsError:
    error = kind(text)
    error.__dict__.update(fields)
    return error

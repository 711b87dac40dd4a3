"""The exceptions of this package: one tree under `KpnThingsError`, by cause.

    KpnThingsError
    ├── ConfigError             a setting is missing, malformed, or contradicts another   (ValueError)
    ├── InputError              an argument is invalid; nothing was sent                  (ValueError)
    ├── DownlinkOutcomeUnknown  a downlink may have arrived; its `__cause__` is the failure
    ├── TransportError          no usable response came
    │   ├── ConnectError        no connection: nothing was sent                           (ConnectionError)
    │   ├── RequestTimeoutError     the attempt timed out                                 (TimeoutError)
    │   │   └── DeadlineError   the whole call timed out
    │   ├── ConnectionLostError     the connection broke before the response was complete (ConnectionError)
    │   └── TooLargeError       the response is larger than allowed
    │       └── HeadTooLargeError   its head is larger than allowed
    ├── CancelledError          the program itself stopped the call
    ├── ApiError                the service refused the request
    │   ├── AuthError           302 or 401, or GRIP issued no token                       (PermissionError)
    │   ├── BadRequestError     400
    │   ├── ForbiddenError      403                                                       (PermissionError)
    │   ├── NotFoundError       404
    │   ├── RateLimitedError    429
    │   ├── ServerError         5xx
    │   └── UnexpectedStatusError
    ├── DecodeError             a 2xx response that does not match the documentation      (ValueError)
    │   └── TooDeepError        its JSON is nested too deeply
    ├── ListingError            the pages of a listing contradict each other
    │   ├── TooManyPagesError   there are more pages than allowed
    │   └── IncompleteError     a listing by `verified` could not be proven complete
    └── LedgerError             the ledger of a run cannot be used, so nothing more is sent

Each exception has the attributes of `KpnThingsError` and can be pickled and copied. A hint on how to fix it is a note of
the exception; Python 3.10 has no notes, so there the hint ends the text. No exception holds a secret or a token.
"""

from __future__ import annotations

from ._headers import Headers

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
    "ConnectionLostError",
    "DeadlineError",
    "DecodeError",
    "DownlinkOutcomeUnknown",
    "ForbiddenError",
    "HeadTooLargeError",
    "IncompleteError",
    "InputError",
    "KpnThingsError",
    "LedgerError",
    "ListingError",
    "NotFoundError",
    "RateLimitedError",
    "RequestTimeoutError",
    "ServerError",
    "TooDeepError",
    "TooLargeError",
    "TooManyPagesError",
    "TransportError",
    "UnexpectedStatusError",
]


HAS_NOTES = hasattr(BaseException, "add_note")
"""Whether this Python shows notes of an exception: 3.11 and later do."""


class KpnThingsError(Exception):
    """Any failure of this library. `str()` describes the request, the number of attempts, and what happened."""

    hint: str | None = None
    """How to fix the error, if that is known; also a note of the exception."""

    method: str | None = None
    """The method of the request that failed."""

    url: str | None = None
    """The URL of the request that failed, without its query."""

    status: int | None = None
    """The status of the last response, if there was one."""

    headers: Headers = Headers()
    """The headers of the last response, empty if there was none. A service desk may need one of them, such as a request
    id."""

    body: Any = None
    """The body of the response that refused the request: plain data if it was JSON, else `bytes`, or `None`."""

    retry_after: float | None = None
    """Seconds to wait, if the service requested a wait."""

    external_reference: str | None = None
    """The external reference of the downlink that failed, if it has one."""

    attempts: int = 0
    """The number of requests sent for the part of the call that failed."""

    elapsed: float = 0.0
    """The time from the start of the call until it failed, in seconds."""

    stage: Literal["prepare", "token", "context_switch", "call"] = "prepare"
    """The part of the call that failed."""

    gave_up_because: str | None = None
    """Why the client did not retry, such as `attempts_exhausted` or `may_have_arrived`."""

    is_retryable: bool = False
    """Whether the same call can succeed later, and cannot take effect twice. The client has already made its own retries:
    wait before you retry, at least for `retry_after`."""

    reference: str | None = None
    """The service's own reference of the failed request, for its service desk."""

    outcome: Literal["not_sent", "unknown"] | None = None
    """For a downlink: `not_sent` if the service provably did not act on it, else `unknown`: it may have arrived, and was
    not retried. `None` for reads."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), str(self), self.__dict__)


class ConfigError(KpnThingsError, ValueError):
    """A setting is missing, malformed, or contradicts another. Nothing was sent."""


class InputError(KpnThingsError, ValueError):
    """An argument is invalid. Nothing was sent."""

    rows: tuple[tuple[int, str], ...] = ()
    """Of `send_downlinks`: all rows that are not valid, each with its place in the input and with what is wrong. The text
    shows up to 100 of them."""


class DownlinkOutcomeUnknown(KpnThingsError):
    """A downlink may have arrived, and was not retried. Check it in the portal before you send it again.

    The `__cause__` is the failure itself, such as a `ConnectionLostError`. This class is not a `ConnectionError`, a
    `TimeoutError` or an `ApiError`, so that code that retries on those cannot send a downlink twice. A call by `request`
    whose method must not be retried, such as POST, raises this class as well.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        cause = self.__cause__ if isinstance(self.__cause__, KpnThingsError) else None
        return _again, (type(self), str(self), self.__dict__, cause)


class TransportError(KpnThingsError):
    """No usable response came."""


class ConnectError(TransportError, ConnectionError):
    """No connection could be made: refused, DNS, TLS, proxy. Nothing was sent."""


class RequestTimeoutError(TransportError, TimeoutError):
    """An attempt timed out before a response came."""


class DeadlineError(RequestTimeoutError):
    """The whole call timed out, with its token, retries and pauses; or all pages of a listing with a `deadline`."""


class ConnectionLostError(TransportError, ConnectionError):
    """The connection broke before the response was complete."""


class CancelledError(KpnThingsError):
    """The program itself stopped the call, or the listing."""


class TooLargeError(TransportError):
    """The response is larger than `max_body` allows."""


class HeadTooLargeError(TooLargeError):
    """The head of the response is larger than the client allows."""


class ApiError(KpnThingsError):
    """The service refused the request. `status` and `body` hold its response."""


class AuthError(ApiError, PermissionError):
    """The access token was rejected (302 or 401), or GRIP refused to issue one."""


class BadRequestError(ApiError):
    """400: the body, the `Accept` header or a query parameter is malformed."""


class ForbiddenError(ApiError, PermissionError):
    """403: the token is valid, but has no authorisation for this resource."""


class NotFoundError(ApiError):
    """404: there is no such resource."""


class RateLimitedError(ApiError):
    """429: too many requests. `retry_after` holds the seconds to wait, if the service returned them."""


class ServerError(ApiError):
    """5xx: the service failed."""


class UnexpectedStatusError(ApiError):
    """A status outside 2xx without a separate class."""


class DecodeError(KpnThingsError, ValueError):
    """A 2xx response that does not match the documentation."""


class TooDeepError(DecodeError):
    """A 2xx response whose JSON is nested too deeply: more than 127 levels, or in `Response.json` more than Python reads."""


class ListingError(KpnThingsError):
    """The pages of a listing contradict each other."""


class TooManyPagesError(ListingError):
    """A listing has more pages than `max_pages` allows, or does not end."""


class IncompleteError(ListingError):
    """A listing by `verified` could not be proven complete."""

    why: str = ""
    """Why the proof failed."""

    gaps: tuple[tuple[str | None, str | None], ...] = ()
    """Where a device may be missing: the `uuid` of the device before each gap and of the device after it. `None` is the
    start or the end of the listing."""

    devices: tuple[Device, ...] = ()
    """The devices that `collect` listed before it failed. Up to the first gap, none is missing. Empty if the devices were
    iterated over."""


class LedgerError(KpnThingsError):
    """The ledger of a run cannot be used. No downlink is sent without its record."""


_CLASSES: dict[str, type[KpnThingsError]] = {
    "Config": ConfigError,
    "Input": InputError,
    "Connect": ConnectError,
    "Timeout": RequestTimeoutError,
    "Deadline": DeadlineError,
    "Interrupted": ConnectionLostError,
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
    "Ledger": LedgerError,
}


def _from_core(kind: str, text: str, message: str, fields: dict[str, Any]) -> KpnThingsError:
    """The exception for an error of the core: its kind, its text without the hint, and the short message in that text."""
    hint = fields["hint"]
    if hint and not HAS_NOTES:
        text = f"{text}; {hint}"
    if fields["outcome"] == "unknown":
        # A traceback prints both texts, so the cause has the short one.
        error = _again(DownlinkOutcomeUnknown, text, fields, _again(_CLASSES[kind], message, fields))
    else:
        error = _again(_CLASSES[kind], text, fields)
    if hint and HAS_NOTES:
        error.add_note(f"hint: {hint}")  # type: ignore[attr-defined]  # Python 3.11
    return error


def _again(
    kind: type[KpnThingsError], text: str, fields: dict[str, Any], cause: KpnThingsError | None = None
) -> KpnThingsError:
    """An exception from its parts, also from those in a pickle."""
    error = kind(text)
    error.__dict__.update(fields)
    if cause is not None:  # setting it to `None` would hide the exception that was being handled
        error.__cause__ = cause
    return error

"""Events of calls: for `logging.getLogger("kpn_things")`, and for the option `on_event`."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

logger = logging.getLogger("kpn_things")
# Without a handler, Python would print warnings where logging is not set up.
logger.addHandler(logging.NullHandler())


class Event(NamedTuple):
    """One thing that happened in a call. It holds no secret, no query and no payload.

    A `request` event follows each HTTP request, a `retry` event precedes each wait for another attempt, and a `call` event
    ends each call. A listing has requests and retries, and no `call` event of its own.
    """

    kind: Literal["request", "retry", "call"]
    """What happened."""

    operation: str
    """The method of the client: `devices`, `send_downlink` (also for SenML), `context_switch` or `request`."""

    stage: Literal["token", "context_switch", "call"]
    """The purpose of the request: an access token, the switch to a sub-customer, or the call itself."""

    method: str | None
    """The HTTP method. `None` at the end of a call that succeeded."""

    url: str | None
    """The URL without its query. `None` at the end of a call that succeeded."""

    status: int | None
    """The HTTP status, if there was a response."""

    error: str | None
    """What went wrong: the kind of a failed request, or the text of the exception of a call."""

    attempt: int
    """The number of the attempt, from 1. At the end of a call: the number of requests that were sent for it."""

    elapsed: float
    """Seconds that the request or the call took."""

    wait: float | None
    """Seconds until the next attempt, for a `retry`."""

    outcome: Literal["accepted", "not_sent", "unknown"] | None
    """The outcome of a downlink, at the end of its call."""

    external_reference: str | None
    """The reference of a downlink, at the end of its call."""

    def __str__(self) -> str:
        target = f"{self.method} {self.url}"
        match self.kind:
            case "request":
                came = self.status if self.error is None else self.error
                return f"{target}: {came} in {self.elapsed * 1000:.1f} ms (attempt {self.attempt})"
            case "retry" if self.attempt == 0:
                return f"{target}: waits {self.wait:.3f} s for its turn"
            case "retry":
                return f"{target}: retries in {self.wait:.3f} s, after attempt {self.attempt}"
            case _:
                came = self.error or self.outcome or "done"
                return f"{self.operation}: {came} ({self.elapsed * 1000:.1f} ms)"


def report(on_event: Callable[[Event], object] | None, fields: tuple[Any, ...]) -> None:
    """Logs an event, and passes it to the user's function."""
    event = Event._make(fields)
    level = logging.INFO if event.kind == "retry" else logging.DEBUG
    if logger.isEnabledFor(level):
        logger.log(level, "%s", event, extra=_extra(event._asdict()))
    if on_event is not None:
        on_event(event)


def warn(text: str, outcome: str | None, external_reference: str | None) -> None:
    """Logs what the user has to know."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    extra = _extra({"outcome": outcome, "external_reference": external_reference, "at": at})
    logger.warning("%s (%s)", text, at, extra=extra)


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as attributes of a log record, under names of their own."""
    return {f"kpn_{name}": value for name, value in fields.items()}


def log_to_stderr(level: str) -> None:
    """Writes log records to stderr, as `KPN_THINGS_LOG` says."""
    number = logging.getLevelName(level.strip().upper())
    if not isinstance(number, int):
        logger.addHandler(logging.StreamHandler())
        logger.warning("KPN_THINGS_LOG is %r: set it to debug, info, warning or error", level)
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(number)


if os.environ.get("KPN_THINGS_LOG"):
    log_to_stderr(os.environ["KPN_THINGS_LOG"])

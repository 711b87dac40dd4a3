"""Events of calls, for the option `on_event` and for logs."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Event(NamedTuple):
    """A step of a call: one HTTP request, one retry, or the end of the call. It holds no secret, no query and no payload.

    A `request` event follows each request. A `retry` event precedes each wait for another attempt. A `call` event follows
    each call, also if its caller cancels or interrupts it: then the event of a request that ended just before can come
    after it. A listing has no `call` event.
    """

    kind: Literal["request", "retry", "call"]
    """What happened."""

    operation: str
    """The method of the client: `devices`, `current` (any of its listings), `send_downlink` (also for SenML), `context_switch` or `request`."""

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
    """The number of the attempt, from 1. For a `retry`: the number of attempts so far, which is 0 if the first attempt waits
    for an earlier `Retry-After`. At the end of a call: the number of its requests."""

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

"""`Retry-After` in every form: no retry comes too early, and an error reports a wait that exceeds the timeout."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import product
from math import ceil

from behaviour.service import Answer, Request, Service, plain
from kpn_things import KpnThingsError, RateLimitedError, ServerError

from .caller import Caller, Work, either, told
from .test_downlinks import downlink
from .trial import Trial, whole

PATIENCE = 1_000.0
"""Timeout of a call in seconds, longer than every wait."""


@dataclass(frozen=True)
class Form:
    """A form of `Retry-After`."""

    headers: Callable[[], list[str]]
    wait: float | None
    """Seconds that it requests, or `None` if its value cannot be read."""
    timeout: float = PATIENCE


def seconds(text: str, wait: float | None = None, timeout: float = PATIENCE) -> Form:
    return Form(lambda: [f"Retry-After: {text}"], wait, timeout)


def date(wait: float, told: bool = True) -> Form:
    """A date, relative to the `Date` header of the response or, without one, to now."""

    def headers() -> list[str]:
        now = ceil(time.time())
        date = [f"Date: {formatdate(now, usegmt=True)}"] if told else []
        return [*date, f"Retry-After: {formatdate(now + wait, usegmt=True)}"]

    return Form(headers, max(wait, 0))


CENTURY = 100 * 365 * 86_400
WAITED = {
    "0": seconds("0", 0),
    "1": seconds("1", 1),
    "01": seconds("01", 1),
    "2, with spaces": seconds("  2  ", 2),
    "a date": date(2),
    "a date by our clock": date(1, told=False),
    "a date that is over": date(-60),
    "a date of last century": date(-CENTURY / 2),
}
GARBAGE = {
    text: seconds(text) for text in ("", "-1", "+3", "1.5", "1e3", "0x10", "soon", "1 s", "Tomorrow, 25 Nov", "\xb2")
}
TOO_LONG = {
    "longer than the call may take": seconds("31", 31, timeout=30),
    "121": seconds("121", 121),
    "1e9": seconds("1000000000", 1e9),
    "a date next year": date(365 * 86_400),
    "a date next century": date(CENTURY),
}
BEYOND = {"more than a number holds": seconds("99999999999999999999999")}

CALLS: dict[str, tuple[str, Work]] = {
    "token": ("/token", lambda client: client.request("GET", "/devices")),
    "read": ("/devices", lambda client: client.request("GET", "/devices")),
    "listing": ("/api/devices", lambda client: client.devices().collect()),
    "downlink": ("/api/actuator/downlinks", downlink("valve-42")),
    "context switch": ("/api/v1/lifecycle/clients/a/context-switch", lambda client: client.context_switch("a")),
}
"""The path that gets the response, and a call that requests it."""


@dataclass
class Case:
    """The first request for a path gets a response with `Retry-After`."""

    name: str
    path: str
    work: Work
    form: Form
    status: int
    asked: list[float] = field(default_factory=list)
    """The times of the requests for the path."""
    result: object = None

    def answer(self, request: Request, path: str) -> Answer:
        if path != self.path:
            return None
        self.asked.append(time.monotonic())
        return [plain(self.status, b"{}", *self.form.headers())] if len(self.asked) == 1 else None

    @property
    def gap(self) -> float:
        return self.asked[1] - self.asked[0] if len(self.asked) > 1 else -1.0

    def __str__(self) -> str:
        return f"{self.name}: {len(self.asked)} requests, {self.gap:.3f} s apart, result: {told(self.result)}"


def play(caller: type[Caller], forms: dict[str, Form]) -> list[Case]:
    """Tries each form in each call, many concurrently, each with its own client."""
    cases = [
        Case(f"{asked}, {status}, {name!r}", path, work, form, status)
        for (asked, (path, work)), status, (name, form) in product(CALLS.items(), (429, 503), forms.items())
    ]

    def answer(request: Request) -> Answer:
        number, _, path = request.path.removeprefix("/case-").partition("/")
        answer = cases[int(number)].answer(request, f"/{path}")
        return answer or (200, service.body(Request(request.method, f"/{path}", request.body)))

    def run(number: int) -> None:
        case = cases[number]
        url = f"{service.url}/case-{number}"
        environment = {**service.environment(), "KPN_THINGS_BASE_URL": url, "KPN_THINGS_TOKEN_URL": f"{url}/token"}
        del environment["KPN_THINGS_GRIP_BASE_URL"]
        with caller(environment, timeout=case.form.timeout) as client:
            case.result = client.call(case.work)

    with Service(answers=answer) as service, ThreadPoolExecutor(64) as pool:
        list(pool.map(run, range(len(cases))))
    return cases


@either
def test_r13_retry_after_is_waited_for(caller: type[Caller]) -> None:
    with Trial("R13", caller.name) as trial:
        # A wait of two minutes is only for a whole run.
        longest = {"120": seconds("120", 120)} if whole() else {}
        for case in play(caller, WAITED | longest):
            wait = case.form.wait or 0
            trial.holds(
                len(case.asked) == 2 and case.gap >= wait and not isinstance(case.result, BaseException),
                lambda: str(case),
            )


@either
def test_r13_retry_after_that_cannot_be_read_is_none(caller: type[Caller]) -> None:
    with Trial("R13", caller.name) as trial:
        for case in play(caller, GARBAGE):
            # Without a `Retry-After`, a 503 leaves the outcome of a downlink unknown.
            unknown = "downlink" in case.name and case.status == 503
            if unknown:
                kept = len(case.asked) == 1 and getattr(case.result, "outcome", None) == "unknown"
            else:
                kept = len(case.asked) == 2 and not isinstance(case.result, BaseException)
            trial.holds(kept, lambda: str(case))


@either
def test_r13_retry_after_that_is_too_long_is_an_error_that_carries_it(caller: type[Caller]) -> None:
    with Trial("R13", caller.name) as trial:
        for case in play(caller, TOO_LONG | BEYOND):
            error = case.result if isinstance(case.result, KpnThingsError) else KpnThingsError()
            wait, carried = case.form.wait or 1e9, error.retry_after or 0
            trial.holds(
                len(case.asked) == 1
                and isinstance(error, RateLimitedError if case.status == 429 else ServerError)
                and carried >= wait - 1
                and error.outcome in (None, "not_sent"),
                lambda: f"{case}, with {carried}",
            )

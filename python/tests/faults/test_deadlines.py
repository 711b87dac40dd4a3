"""Timeouts of a call from 1 to 100 ms. They hold wherever the call is when the time runs out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from typing import Any, TypeAlias

from behaviour.service import CERTIFICATE, Answer, Request, Service, full_backlog, plain
from kpn_things import ConnectError, KpnThingsError, RequestTimeoutError

from .caller import Caller, either, failure, told
from .test_downlinks import DEV_EUI
from .trial import Trial, whole

OVERSHOOT = 0.1
"""Seconds that a call may take beyond its timeout."""

EARLY = 0.005
"""Seconds that a call may end too early, because a library may round to whole milliseconds."""

AGAIN = 9
"""Number of times that a late call is retried alone."""

Call: TypeAlias = Callable[..., Any]
"""Makes a call with either client and this `timeout`."""

CALLS: dict[str, Call] = {
    "request": lambda client, timeout: client.request("GET", "/devices", timeout=timeout),
    "POST": lambda client, timeout: client.request("POST", "/devices", json={}, timeout=timeout),
    "send_downlink": lambda client, timeout: client.send_downlink(DEV_EUI, b"\x01", port=1, timeout=timeout),
    "send_senml": lambda client, timeout: client.send_senml([{"n": "on", "vb": True}], device=DEV_EUI, timeout=timeout),
    "context_switch": lambda client, timeout: client.context_switch("a", timeout=timeout),
    "for_customer": lambda client, timeout: client.for_customer("a").request("GET", "/devices", timeout=timeout),
    "devices": lambda client, timeout: client.devices(deadline=timeout).collect(),
    "devices, one page at a time": lambda client, timeout: client.devices(window=1, deadline=timeout).collect(),
}


def is_token(request: Request) -> bool:
    return request.path.endswith("/token")


def late(head: bytes, byte: bytes) -> Iterator[bytes]:
    """A response that sends another byte now and then, without end."""
    yield head
    for part in repeat(byte):
        time.sleep(0.02)
        yield part


def slow_head(request: Request) -> Answer:
    return None if is_token(request) else late(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")


def slow_body(request: Request) -> Answer:
    return None if is_token(request) else late(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" ")


def slow_chunks(request: Request) -> Answer:
    return None if is_token(request) else late(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")


def slow_token(request: Request) -> Answer:
    return late(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" ")


def unavailable(request: Request) -> Answer:
    return None if is_token(request) else (503, b"{}")


def busy(request: Request) -> Answer:
    return None if is_token(request) else [plain(429, b"{}", "Retry-After: 0")]


def endless(request: Request) -> Answer:
    """An endless listing."""
    page = {"content": [{"uuid": f"device-{request.page}"}], "number": request.page, "last": False}
    return (200, json.dumps(page).encode()) if request.path == "/api/devices" else None


SITUATIONS: dict[str, dict[str, Any]] = {
    "the answer stalls": {"stalled": lambda request: not is_token(request)},
    "the head is slow": {"answers": slow_head},
    "the body is slow": {"answers": slow_body},
    "chunks are slow": {"answers": slow_chunks},
    "the token stalls": {"stalled": is_token},
    "the token is slow": {"answers": slow_token},
    "the context switch stalls": {"stalled": lambda request: "context-switch" in request.path},
    "every attempt fails": {"answers": unavailable},
    "every attempt is refused": {"answers": busy},
    "a later page stalls": {"pages": 100, "stalled": lambda request: request.page > 1},
    "the listing has no end": {"answers": endless},
    "nobody takes the connection": {"accepting": False},
}


@contextmanager
def situation(name: str) -> Iterator[str]:
    """Yields the base URL of a service in which something never ends."""
    if name == "no connection can be made":
        with full_backlog() as service:
            yield service.url
    elif name == "the TLS handshake stalls":
        with Service(accepting=False) as service:
            yield f"https://127.0.0.1:{service.port}"
    else:
        with Service(**SITUATIONS[name]) as service:
            yield service.url


ELSEWHERE = ["no connection can be made", "the TLS handshake stalls"]

ENDED = ["every attempt fails", "every attempt is refused"]
"""Situations where a call may end before its timeout, because the next attempt would come too late."""

SHARED = ["token", "context_switch"]
"""Stages at which a call may end before its timeout, with the error of a fetch that it shares with other calls."""

AFFECTED = {
    "the context switch stalls": ["context_switch", "for_customer"],
    "a later page stalls": ["devices", "devices, one page at a time"],
    "the listing has no end": ["devices", "devices, one page at a time"],
}
"""The affected calls, where not all are affected."""


def judge(trial: Trial, caller: type[Caller], name: str, deadlines: Iterable[int]) -> float:
    """Makes each call with each timeout, judges how long it took, and returns the worst overshoot."""
    worst = 0.0
    with situation(name) as url, Service() as none:
        environment = {**none.environment(), "KPN_THINGS_BASE_URL": url, "KPN_THINGS_GRIP_BASE_URL": url}
        with caller(environment, ca_bundle=CERTIFICATE) as client:
            calls = [(call, deadline / 1000) for call in AFFECTED.get(name, CALLS) for deadline in deadlines]
            works = [partial(CALLS[call], timeout=deadline) for call, deadline in calls]
            for (call, deadline), work, (result, took) in zip(calls, works, client.timed(works, 8), strict=True):
                # The machine may be busy. Only a call that is late each time counts as late.
                for _ in range(AGAIN):
                    if took <= deadline + OVERSHOOT:
                        break
                    [(result, took)] = client.timed([work], 1)
                worst = max(worst, took - deadline)
                in_time = took + EARLY >= deadline or getattr(result, "stage", None) in SHARED
                ended = name in ENDED or (in_time and isinstance(failure(result), (RequestTimeoutError, ConnectError)))
                trial.holds(
                    took <= deadline + OVERSHOOT and isinstance(result, KpnThingsError) and ended,
                    lambda: f"{name}, {call}: {took:.3f} s instead of {deadline} s, result: {told(result)}",
                )
    return worst


def judge_all(trial: Trial, caller: type[Caller], names: Iterable[str], deadlines: Iterable[int]) -> None:
    worst = max(judge(trial, caller, name, deadlines) for name in names)
    trial.measured(f"{worst * 1000:.0f} ms late at most")


SLOW = ["no connection can be made", "the TLS handshake stalls", "nobody takes the connection", "the answer stalls",
        "the head is slow", "the body is slow", "chunks are slow", "the token is slow"]


@either
def test_r15_slow_server_does_not_hold_up_a_call(caller: type[Caller]) -> None:
    with Trial("R15", caller.name) as trial:
        judge_all(trial, caller, SLOW, range(100, 1_001, 100) if whole() else (100, 200))


@either
def test_r30_deadline_holds_everywhere(caller: type[Caller]) -> None:
    with Trial("R30", caller.name) as trial:
        deadlines = range(1, 101) if whole() else (1, 2, 5, 10, 20, 50, 100)
        judge_all(trial, caller, [*ELSEWHERE, *SITUATIONS], deadlines)

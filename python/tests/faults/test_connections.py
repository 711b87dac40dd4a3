"""Connections that the server closes while they are idle, or appear to be."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest

from behaviour.service import Request, Service
from kpn_things import KpnThingsError, Receipt, Response

from .caller import Caller, either, told
from .test_downlinks import downlink
from .trial import Trial, share

WORKERS = 8


def leaves(random: Random, linger: float, every: int) -> Callable[[Request], bool]:
    """Closes after one response in `every`, at random, at once or when the next request may be in flight."""
    lock = threading.Lock()

    def leave(request: Request) -> bool:
        with lock:
            leaves, moment = random.random() < 1 / every, random.random() * linger
        if leaves and moment:
            time.sleep(moment)
        return leaves

    return leave


LINGER = {"at once": 0.0, "within a millisecond": 0.001, "within ten milliseconds": 0.01}


@either
@pytest.mark.parametrize("linger", LINGER.values(), ids=LINGER)
def test_r20_idle_connection_closed_by_the_server_is_not_seen_by_reads(caller: type[Caller], linger: float) -> None:
    # A read has three attempts. With more closes than this, one call could meet three.
    with Trial("R20", caller.name) as trial, Service(leaves=leaves(trial.random(), linger, 100)) as service:
        with caller(service.environment()) as client:
            reads = [lambda client: client.request("GET", "/devices")] * share(1_000, 10_000)
            for result in client.each(reads, WORKERS):
                trial.holds(isinstance(result, Response), lambda: told(result))


@either
@pytest.mark.parametrize("linger", LINGER.values(), ids=LINGER)
def test_r20_downlink_on_a_connection_closed_by_the_server_is_sent_once(caller: type[Caller], linger: float) -> None:
    with Trial("R20", caller.name) as trial, Service(leaves=leaves(trial.random(), linger, 10)) as service:
        with caller(service.environment()) as client:
            results = client.each(map(downlink, range(share(500, 6_000))), WORKERS)
        times = Counter(reference(request) for request in service.requests if request.path.endswith("/downlinks"))
        for case, result in enumerate(results):
            arrived = times[str(case)]
            if isinstance(result, Receipt):
                kept = arrived == 1
            else:
                kept = isinstance(result, KpnThingsError) and arrived <= (result.outcome == "unknown")
            trial.holds(kept, lambda: f"downlink {case} arrived {arrived} times, result: {told(result)}")
        lost = sum(not isinstance(result, Receipt) for result in results)
        trial.measured(f"{lost} of {len(results)} downlinks not accepted, and reported so")


def reference(request: Request) -> str:
    return parse_qs(urlsplit(request.target).query)["externalReference"][0]

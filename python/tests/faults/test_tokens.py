"""Access tokens: concurrent callers share one request for a token, and its result."""

from __future__ import annotations

import time
from typing import Any

import pytest

from behaviour.service import TOKEN, Answer, Request, Service
from kpn_things import AuthError, Response, _native
from kpn_things.testing import Simulator

from .caller import Caller, either, told
from .trial import Trial, share

SECOND, HOUR = 1_000, 3_600_000
"""Milliseconds, the unit of the test clock."""

ATTEMPTS = 3
"""Attempts at a fetch, by default."""

PAUSE = 1 * SECOND
"""Milliseconds for which callers share the error of a fetch."""


def read(client: Any) -> Any:
    """A call that needs a token."""
    accept = {"Accept": "application/vnd.kpnthings.device.v1.response+json"}
    return client.request("GET", "/api/devices", params={"pageSize": 1}, headers=accept)


def clock(off: int = 0) -> _native.TestClock:
    """A clock that can be advanced. Its wall clock is `off` seconds fast."""
    return _native.TestClock(int(time.time()) + off)


def failures(results: list[Any]) -> list[str]:
    """The results that are errors, as text."""
    return [told(result) for result in results if not isinstance(result, Response)]


@either
def test_r5_cold_expired_or_revoked_token_costs_all_callers_one_fetch(
    caller: type[Caller], many_descriptors: None
) -> None:
    with Trial("R5", caller.name) as trial:
        for number in range(share(2, 100)):
            time = clock()
            with Simulator(seed=trial.seed + number) as simulator:
                with caller(simulator.environment(), clock=time) as client:
                    for state in ("cold", "expired", "revoked"):
                        time.advance(2 * HOUR if state == "expired" else 2 * SECOND)
                        if state == "revoked":
                            simulator.revoke_tokens()
                        before = simulator.calls("token")
                        results = client.together(read)
                        fetches, failed = simulator.calls("token") - before, failures(results)
                        trial.holds(
                            fetches == 1 and not failed,
                            lambda: f"{state}: {fetches} fetches for {len(results)} callers, failed: {failed[:3]}",
                        )


UNAVAILABLE = ["status:500", "status:503,Retry-After:0", "status:429", "drop-before", "stall"]


def patience(fault: str) -> float | None:
    """Timeout of an attempt in seconds: short where the response never comes."""
    return 0.25 if fault == "stall" else None


@either
def test_r6_callers_share_the_failure_of_the_identity_service(caller: type[Caller], many_descriptors: None) -> None:
    with Trial("R6", caller.name) as trial:
        for number in range(share(1, 20)):
            for fault in UNAVAILABLE:
                time = clock()
                with Simulator(seed=trial.seed + number, faults=[f"token={fault}"]) as simulator:
                    with caller(simulator.environment(), clock=time, attempt_timeout=patience(fault)) as client:
                        results = client.together(read) + client.together(read)
                        # On a slow machine, some calls start after the pause.
                        fetches, most = simulator.calls("token"), ATTEMPTS * (1 + time.elapsed() // PAUSE)
                        wrong = [result for result in results if getattr(result, "stage", None) != "token"]
                        simulator.clear_faults()
                        time.advance(PAUSE)
                        after = failures(client.together(read, 4))
                trial.holds(
                    fetches <= most and not wrong and not after,
                    lambda: f"{fault}: {fetches} fetches for {len(results)} callers, and {most} are allowed; "
                    f"failed otherwise: {wrong[:3]}; after the fault: {after[:3]}",
                )


NO_REFRESH = [
    *UNAVAILABLE, "status:400", "status:401", "status:404", "truncate:5", "status:200", "status:200,body:<html>"
]


@either
def test_r7_refresh_that_fails_is_not_noticed_while_the_token_lives(caller: type[Caller]) -> None:
    with Trial("R7", caller.name) as trial:
        for number in range(share(1, 20)):
            for fault in NO_REFRESH:
                time = clock()
                with Simulator(seed=trial.seed + number) as simulator:
                    with caller(simulator.environment(), clock=time, attempt_timeout=patience(fault)) as client:
                        client.call(read)
                        simulator.add_fault(f"token={fault}")
                        time.advance(HOUR * 5 // 6)
                        failed = failures(client.together(read, 16) + client.together(read, 16))
                        fetches = simulator.calls("token") - 1
                trial.holds(not failed, lambda: f"{fault}: failed: {failed[:3]}")
                trial.holds(fetches > 0, lambda: f"{fault}: no caller tried to refresh")


@either
def test_r8_token_revoked_in_mid_run_costs_a_read_one_repeat(caller: type[Caller]) -> None:
    with Trial("R8", caller.name) as trial:
        time = clock()
        with Simulator(seed=trial.seed, devices=1) as simulator, caller(simulator.environment(), clock=time) as client:
            for _ in range(share(300, 2_500)):
                fetches, reads = simulator.calls("token"), simulator.calls("devices")
                client.call(read)
                time.advance(2 * SECOND)
                simulator.revoke_tokens()
                results = client.together(read, 4)
                fetches, reads = simulator.calls("token") - fetches, simulator.calls("devices") - reads
                failed = failures(results)
                attempts = max(getattr(result, "attempts", 0) for result in results)
                trial.holds(
                    not failed and fetches <= 2 and attempts <= 2 and reads <= 1 + 2 * len(results),
                    lambda: f"{fetches} fetches, {reads} requests, {attempts} attempts at one, failed: {failed}",
                )


@either
def test_r8_token_that_is_always_rejected_is_no_loop(caller: type[Caller]) -> None:
    with Trial("R8", caller.name) as trial:
        for status in (302, 401):
            time = clock()
            faults = [f"devices=status:{status}"]
            with Simulator(seed=trial.seed, faults=faults) as simulator:
                with caller(simulator.environment(), clock=time) as client:
                    for _ in range(share(100, 1_250)):
                        fetches, reads = simulator.calls("token"), simulator.calls("devices")
                        results = client.together(read, 4)
                        fetches, reads = simulator.calls("token") - fetches, simulator.calls("devices") - reads
                        trial.holds(
                            all(isinstance(result, AuthError) for result in results)
                            and fetches <= 2
                            and reads <= 2 * len(results),
                            lambda: f"{fetches} fetches, {reads} requests, result: {told(results[0])}",
                        )


LIVES: dict[str, tuple[str | None, int]] = {
    "absent": (None, 3600),
    "a number": ("3600", 3600),
    "a fraction": ("3600.5", 3600),
    "text": ('"3600"', 3600),
    "null": ("null", 3600),
    "0": ("0", 2),
    "negative": ("-5", 2),
    "negative text": ('"-5"', 2),
    "a millisecond": ("0.001", 2),
    "1e12": ("1e12", 86_400),
    "1e12 as text": ('"1e12"', 86_400),
    "the largest": ("1.7976931348623157e308", 86_400),
    "NaN as text": ('"NaN"', 3600),
    "words": ('"soon"', 3600),
    "a list": ("[3600]", 3600),
    "an object": ("{}", 3600),
    "true": ("true", 3600),
}
"""Values of `expires_in`, and the lifetime in seconds that the client derives."""

DAY = 86_400


@either
@pytest.mark.parametrize("off", [0, -DAY, DAY], ids=["clock-right", "clock-a-day-back", "clock-a-day-ahead"])
def test_r9_expires_in_of_any_form_is_a_sane_life(caller: type[Caller], off: int) -> None:
    with Trial("R9", caller.name) as trial:
        for form, (expires_in, life) in LIVES.items():
            fields = [f'"access_token":"{TOKEN}"'] + ([f'"expires_in":{expires_in}'] if expires_in else [])
            token = f"{{{','.join(fields)}}}".encode()
            time = clock(off)

            def answer(request: Request) -> Answer:
                return (200, token) if request.path.endswith("/token") else None

            with Service(answers=answer) as service, caller(service.environment(), clock=time) as client:
                results, fetches = [], []
                # The waits are: none, within the lifetime, and past it.
                for wait in (0, life * SECOND * 6 // 10, life * SECOND * 5 // 10):
                    time.advance(wait)
                    results += client.together(read, 2)
                    fetches.append(service.asked("/token"))
                # A client that is busy for half a minute.
                begun = time.elapsed()
                for _ in range(60):
                    time.advance(SECOND // 2)
                    results.append(client.call(read))
                busy, seconds = service.asked("/token") - fetches[-1], (time.elapsed() - begun) / SECOND
            failed = failures(results)
            trial.holds(
                not failed and fetches == [1, 1, 2] and busy <= seconds,
                lambda: f"{form}: fetches {fetches}, and {busy} in {seconds} s; failed: {failed[:3]}",
            )

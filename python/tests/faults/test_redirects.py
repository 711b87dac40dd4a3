"""Redirects from either host: the client never sends anything to their target."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from behaviour.service import Answer, Request, Service, plain
from kpn_things import ApiError

from .caller import Caller, Work, either, failure, told
from .test_downlinks import downlink
from .trial import Trial

CALLS: dict[str, tuple[str, Work]] = {
    "token": ("/v2/tenant/oidc/idp/c1/token", lambda client: client.request("GET", "/devices")),
    "read": ("/devices", lambda client: client.request("GET", "/devices")),
    "write": ("/devices", lambda client: client.request("POST", "/devices", json={"name": "canary"})),
    "listing": ("/api/devices", lambda client: client.devices().collect()),
    "downlink": ("/api/actuator/downlinks", downlink("valve-42")),
    "context switch": ("/api/v1/lifecycle/clients/a/context-switch", lambda client: client.context_switch("a")),
    "call for a customer": (
        "/api/v1/lifecycle/clients/a/context-switch",
        lambda client: client.for_customer("a").request("GET", "/devices"),
    ),
}
"""The path that is redirected, and a call that requests it."""

PLACES: dict[str, Callable[[Service, Service], str]] = {
    "another port": lambda here, elsewhere: f"{elsewhere.url}/caught",
    "another host": lambda here, elsewhere: f"http://localhost:{elsewhere.port}/caught",
    "another scheme": lambda here, elsewhere: f"https://127.0.0.1:{elsewhere.port}/caught",
    "without a scheme": lambda here, elsewhere: f"//127.0.0.1:{elsewhere.port}/caught",
    "a user in the address": lambda here, elsewhere: f"http://127.0.0.1:{here.port}@127.0.0.1:{elsewhere.port}/caught",
    "the same host": lambda here, elsewhere: f"{here.url}/caught",
    "a relative path": lambda here, elsewhere: "/caught",
}


@either
def test_r10_redirect_is_never_followed(caller: type[Caller]) -> None:
    with Trial("R10", caller.name) as trial, Service() as here, Service() as elsewhere:
        for status, (name, place), (asked, (path, work)) in product(
            (301, 302, 303, 307, 308), PLACES.items(), CALLS.items()
        ):
            answer = plain(status, b"", f"Location: {place(here, elsewhere)}")
            here.answers = redirect(path, answer)
            before = len(elsewhere.connections), here.asked("/caught")
            with caller(here.environment()) as client:
                result = client.call(work)
            caught = len(elsewhere.connections) - before[0], here.asked("/caught") - before[1]
            trial.holds(
                caught == (0, 0) and isinstance(failure(result), ApiError) and result.status == status,
                lambda: f"{asked}, {status} to {name}: {caught[0]} connections elsewhere, {caught[1]} requests here, "
                f"result: {told(result)}",
            )


def redirect(path: str, answer: bytes) -> Callable[[Request], Answer]:
    return lambda request: [answer] if request.path == path else None

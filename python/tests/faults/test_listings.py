"""Listings from a server that lies: complete, or an error. A listing is never cut silently and never endless."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count, product
from typing import Any

from behaviour.service import Answer, Request, Service
from kpn_things import DeadlineError, DecodeError, Fleet, ListingError, TooManyPagesError

from .caller import Caller, either, told
from .trial import Trial

DEVICES = 100
SIZE = 10
PAGES = DEVICES // SIZE

Page = dict[str, Any]


def page(number: int) -> Page:
    """The page of an honest server. It is empty after the last device."""
    places = range(number * SIZE, min((number + 1) * SIZE, DEVICES))
    content = [{"uuid": f"device-{place}", "name": f"Device {place}"} for place in places]
    return {"content": content, "number": number, "size": SIZE, "numberOfElements": len(content), "first": number == 0,
            "last": number + 1 >= PAGES, "totalPages": PAGES, "totalElements": DEVICES}


def others(number: int) -> Page:
    """A page of an endless fleet."""
    content = [{"uuid": f"device-{number}-{place}"} for place in range(SIZE)]
    return {"content": content, "number": number, "size": SIZE, "last": False}


def without(*names: str) -> Callable[[int], Page]:
    return lambda number: {name: value for name, value in page(number).items() if name not in names}


def but(**fields: Any) -> Callable[[int], Page]:
    return lambda number: {**page(number), **fields}


def at(place: int, lie: Callable[[int], Page]) -> Callable[[int], Page]:
    """Lies on one page."""
    return lambda number: lie(number) if number == place else page(number)


def from_(place: int, lie: Callable[[int], Page]) -> Callable[[int], Page]:
    """Lies on one page, and on all later ones."""
    return lambda number: lie(number) if number >= place else page(number)


WHOLE: dict[str, Callable[[int], Page]] = {
    "honest": page,
    "no total": without("totalPages", "totalElements"),
    "no last": without("last"),
    "no envelope at all": without("number", "size", "first", "last", "totalPages", "totalElements", "numberOfElements"),
    "never last": but(last=False),
    "always last": but(last=True),
    "last too early": at(3, but(last=True)),
    "last before an empty page": from_(2, lambda number: {**page(number), "last": number != 5}),
    "the total of pages is 0": but(totalPages=0),
    "the total of pages is 1": but(totalPages=1, last=False),
    "the total of pages is one too few": but(totalPages=PAGES - 1, last=False),
    "the total of pages is one too many": but(totalPages=PAGES + 1),
    "the total shrinks": from_(4, but(totalPages=5, totalElements=50, last=False)),
    "the total grows": lambda number: {**page(number), "totalPages": min(number + 2, PAGES)},
    "the total of devices is wrong": but(totalElements=7),
    "no size on one page": at(3, without("size")),
    "no number": without("number"),
    "a negative number": at(4, but(number=-1)),
}
"""Lies that still allow a complete listing."""

CUT: dict[str, Callable[[int], Page]] = {
    "the same page again": lambda number: {**page(0), "number": number},
    "the same page again, and its number": lambda number: page(0),
    "the same page again without a total": lambda number: {**others(0), "number": number},
    "another number": at(4, lambda number: page(number + 1)),
    "another size": from_(4, but(size=5)),
    "no devices for ever": lambda number: {**others(number), "content": [], "totalPages": 1_000_000},
}
"""Lies that hide the size of the fleet, so that the listing raises an error."""

EMPTY: dict[str, Callable[[int], Page]] = {
    "an empty page in the middle": at(4, but(content=[])),
    "empty pages in the middle": lambda number: {**page(number), **({"content": []} if 2 <= number < 6 else {})},
}
"""Empty pages between others. The listing contains the devices of the others."""


def serve(lie: Callable[[int], Page]) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        return (200, json.dumps(lie(request.page)).encode()) if request.path == "/api/devices" else None

    return answer


def uuids(pages: range) -> list[str]:
    return [device["uuid"] for number in pages for device in page(number)["content"]]


WINDOWS = (1, 2, 3, 8, 64)

NUMBERS = count()


def listed(client: Caller, service: Service, **options: Any) -> tuple[object, int]:
    """The result of a listing, and the number of pages that it requested.

    Each listing has its own search text, because a failed one can have requests in flight that arrive during the next.
    """
    search = str(next(NUMBERS))
    result = client.call(lambda client: client.devices(search=search, **options).collect())
    return result, sum(request.search == search for request in service.requests)


@either
def test_r12_lie_that_can_be_seen_through_cuts_nothing_off(caller: type[Caller]) -> None:
    with Trial("R12", caller.name) as trial, Service() as service, caller(service.environment()) as client:
        for name, lie in (WHOLE | EMPTY).items():
            service.answers = serve(lie)
            expected = [device["uuid"] for number in range(PAGES) for device in lie(number)["content"]]
            for window in WINDOWS:
                result, asked = listed(client, service, window=window, deadline=20)
                found = [device.uuid for device in result] if isinstance(result, Fleet) else []
                trial.holds(
                    found == expected and asked <= PAGES + 2 * window + 1,
                    lambda: f"{name}, window {window}: {len(found)} of {len(expected)} devices after {asked} requests, "
                    f"result: {told(result)}",
                )


@either
def test_r12_lie_that_hides_the_fleet_is_an_error(caller: type[Caller]) -> None:
    with Trial("R12", caller.name) as trial, Service() as service, caller(service.environment()) as client:
        for name, lie in CUT.items():
            service.answers = serve(lie)
            for window in WINDOWS:
                result, asked = listed(client, service, window=window, deadline=20)
                trial.holds(
                    isinstance(result, (ListingError, DecodeError)) and asked <= 70 + 2 * window,
                    lambda: f"{name}, window {window}: {asked} requests, result: {told(result)}",
                )


@either
def test_r12_listing_without_end_is_an_error(caller: type[Caller]) -> None:
    with Trial("R12", caller.name) as trial, Service(answers=serve(others)) as service:
        for window, most in product(WINDOWS, (1, 10, 100)):
            with caller(service.environment(), max_pages=most) as client:
                result, asked = listed(client, service, window=window)
            trial.holds(
                isinstance(result, TooManyPagesError) and asked <= most + 2 * window,
                lambda: f"window {window}, {most} pages: {asked} requests, result: {told(result)}",
            )


@either
def test_r12_listing_without_end_ends_with_its_time(caller: type[Caller]) -> None:
    with Trial("R12", caller.name) as trial, Service(answers=serve(others)) as service:
        with caller(service.environment()) as client:
            for window in WINDOWS:
                result = client.call(lambda client: client.devices(window=window, deadline=0.2).collect())
                trial.holds(isinstance(result, DeadlineError), lambda: f"window {window}, result: {told(result)}")

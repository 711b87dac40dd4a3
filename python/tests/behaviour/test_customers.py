"""Listings of several sub-customers, with either client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kpn_things import (
    AuthError,
    Client,
    CustomerFleet,
    ForbiddenError,
    IncompleteError,
    InputError,
)
from kpn_things.testing import Simulator

Lists = Callable[..., list[CustomerFleet]]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    customers = {f"c-{number}": number for number in range(50)}
    with Simulator(devices=5, customers=customers) as simulator:
        yield simulator


@pytest.fixture(params=["sync", "async"])
def lists(request: pytest.FixtureRequest, simulator: Simulator) -> Lists:
    """Lists the devices of customers with either client."""

    def read(ids: Any, change: Callable[[Any], Any] = lambda listing: listing, **options: Any) -> list[CustomerFleet]:
        with simulator.client() as client:
            return list(change(client.for_customers(ids).devices(**options)))

    async def read_async(ids: Any, change: Callable[[Any], Any], options: dict[str, Any]) -> list[CustomerFleet]:
        async with simulator.async_client() as client:
            return [fleet async for fleet in change(client.for_customers(ids).devices(**options))]

    if request.param == "sync":
        return read
    return lambda ids, change=lambda listing: listing, **options: asyncio.run(read_async(ids, change, options))


def verified(listing: Any) -> Any:
    return listing.verified()


def test_fifty_customers_need_one_token_and_one_switch_each(simulator: Simulator, lists: Lists) -> None:
    fleets = lists(simulator.customers, verified)
    assert [fleet.customer for fleet in fleets] == list(simulator.customers)
    counts = {fleet.customer: len(fleet.devices) for fleet in fleets if fleet.devices is not None}
    assert counts == {f"c-{number}": number for number in range(50)}
    assert all(fleet.error is None for fleet in fleets)
    assert all(fleet.devices is not None and fleet.devices.proof is not None for fleet in fleets)
    assert (simulator.calls("token"), simulator.calls("context-switch")) == (1, 50)


def test_the_error_of_one_customer_does_not_end_the_others(lists: Lists) -> None:
    fleets = lists(["c-3", "nobody", "c-1"])
    assert [(fleet.customer, fleet.devices is None, type(fleet.error)) for fleet in fleets] == [
        ("c-3", False, type(None)),
        ("nobody", True, ForbiddenError),
        ("c-1", False, type(None)),
    ]
    customer, devices, error = fleets[1]
    assert customer == "nobody" and devices is None
    assert isinstance(error, ForbiddenError) and error.status == 403 and "nobody" in str(error.url)


def test_options_apply_to_each_listing(lists: Lists) -> None:
    [fleet] = lists(["c-40"], page_size=7, window=2, search="no such device", strict=True)
    assert fleet.devices is not None and len(fleet.devices) == 0
    [fleet] = lists(["c-40"], page_size=7)
    assert fleet.devices is not None and fleet.devices.pages == 6
    assert lists([]) == []


def test_a_refused_token_is_the_error_of_all(simulator: Simulator, lists: Lists) -> None:
    simulator.add_fault("token=status:401")
    with pytest.raises(AuthError):
        lists(["c-1", "c-2"])


def test_a_proof_that_fails_has_its_devices() -> None:
    with Simulator(customers={"c-1": 45, "c-2": 3}, quirks=["empty-page:1"]) as simulator, simulator.client() as client:
        first, second = client.for_customers(["c-1", "c-2"]).devices(page_size=10).verified()
        assert isinstance(first.error, IncompleteError) and first.devices is None
        assert first.error.why and len(first.error.devices) == 10
        assert second.devices is not None and len(second.devices) == 3
    quirks = ["sort-by-uuid:ignored", "sort-echo:absent"]
    with Simulator(customers={"c-1": 30}, quirks=quirks) as simulator, simulator.client() as client:
        devices = client.for_customers(["c-1"]).devices(page_size=10)
        [fleet] = devices.verified()
        assert isinstance(fleet.error, IncompleteError)
        [fleet] = devices.verified(vouch_for_order=True)
        assert fleet.devices is not None and len(fleet.devices) == 30


@pytest.mark.parametrize(
    ("ids", "kind", "message"),
    [
        (["a", "b", "a"], InputError, "customer id a is given twice"),
        (["a", "b/c"], InputError, "customer id contains '/'"),
        ("c-1", TypeError, "customer_ids is of type str: pass a list of str"),
        ([5], TypeError, r"customer_ids\[0\] is of type int"),
        (None, TypeError, "customer_ids is None"),
    ],
)
def test_wrong_ids_are_refused_at_once(
    ids: Any, kind: type[Exception], message: str, simulator: Simulator
) -> None:
    for client in (simulator.client(), simulator.async_client()):
        with pytest.raises(kind, match=message):
            client.for_customers(ids)
    assert simulator.calls() == 0


def test_a_wrong_option_is_an_error_of_the_listing(lists: Lists) -> None:
    with pytest.raises(InputError, match="window is 65"):
        lists(["c-1"], window=65)
    with pytest.raises(InputError, match="order"):
        lists(["c-1"], verified, sort_by="name")


def test_a_listing_can_be_closed_and_begun_again(simulator: Simulator) -> None:
    with simulator.client() as client:
        devices = client.for_customers(simulator.customers).devices(window=1)
        listing = iter(devices)
        assert next(listing).customer == simulator.customers[0]
        listing.close()
        assert list(listing) == []
        assert len(list(devices)) == 50

    async def main() -> None:
        async with simulator.async_client() as client:
            listing = aiter(client.for_customers(simulator.customers).devices(window=1))
            assert (await anext(listing)).customer == simulator.customers[0]
            await listing.aclose()
            assert [fleet async for fleet in listing] == []

    asyncio.run(main())


def test_reprs_say_what_to_do_and_a_listing_is_not_a_result(client: Client) -> None:
    ours = client.for_customers(["c-1", "c-2"])
    assert repr(ours) == "<ForCustomers: 2 customers>"
    assert "not listed yet" in repr(ours.devices())
    with pytest.raises(TypeError, match="has not begun"):
        bool(ours.devices())


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    with simulator.client() as client:
        yield client

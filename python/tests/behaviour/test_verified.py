"""A `verified` listing proves that it is complete, or reports where devices may be missing."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from kpn_things import Device, IncompleteError, InputError, ListingError, ListingReport, Proof, ServerError
from kpn_things.testing import Simulator

from .listing import Lister, either, uuids
from .program import Program

Make = Callable[[Any], Lister]

HIDDEN: dict[str, Any] = {"devices": 45, "quirks": ["empty-page:1"]}
"""The second page is empty for every page size, so a gap remains after ten devices."""


def verified(client: Any) -> Any:
    return client.devices(page_size=10).verified()


@contextmanager
def lists(make: Make, **options: Any) -> Iterator[tuple[Simulator, Lister]]:
    """A simulator with these options, and a client for its devices."""
    with Simulator(**options) as simulator:
        yield simulator, make(simulator.environment())


@either
def test_a_fleet_is_proven_with_the_requests_that_it_took(lister: Make) -> None:
    with lists(lister, devices=45) as (simulator, client):
        fleet = client.collect(verified)
        requests = simulator.calls("devices")
    assert fleet.proof is not None
    assert (fleet.proof.requests, fleet.pages, fleet.total_elements, len(fleet)) == (requests, requests, 45, 45)
    assert uuids(fleet) == sorted(uuids(fleet)) and len(set(fleet)) == 45
    assert fleet.report == ListingReport(45)


@either
def test_a_caller_can_vouch_for_an_order_that_the_devices_do_not_show(lister: Make) -> None:
    with lists(lister, devices=30, quirks=["sort-by-uuid:ignored", "sort-echo:absent"]) as (_, client):
        with pytest.raises(IncompleteError):
            client.collect(verified)
        fleet = client.collect(lambda client: client.devices(page_size=10).verified(vouch_for_order=True))
    assert len(fleet) == 30


@either
def test_devices_come_one_by_one_and_the_proof_at_the_end(lister: Make) -> None:
    with lists(lister, devices=45) as (simulator, client):
        one_by_one = client.read(verified)
        requests = simulator.calls("devices")
        all_at_once = client.collect(verified)
    assert one_by_one.error is None
    assert tuple(one_by_one.items) == all_at_once.devices
    assert one_by_one.proof == Proof(requests)
    assert one_by_one.report == ListingReport(45)


@either
def test_batches_hold_the_same_devices(lister: Make) -> None:
    with lists(lister, devices=45) as (_, client):
        batches = client.read(lambda client: client.devices(page_size=10).verified().batches())
        devices = client.read(verified)
    assert len(batches.items) > 1
    assert all(type(batch) is tuple and batch for batch in batches.items)
    assert list(chain.from_iterable(batches.items)) == devices.items
    assert batches.proof is not None


@either
def test_there_is_no_proof_before_the_end(lister: Make) -> None:
    with lists(lister, devices=45, faults=["devices@4-=status:500"]) as (_, client):
        read = client.read(lambda client: client.devices(page_size=10, window=1).verified())
    assert isinstance(read.error, ServerError)
    assert read.proof is None
    assert read.report == ListingReport(len(read.items)) != ListingReport(0)


@either
def test_options_of_the_listing_hold_for_the_proof(lister: Make) -> None:
    with lists(lister, devices=45) as (simulator, client):
        everything = client.collect(lambda client: client.devices())
        part = client.collect(lambda client: client.devices(search="Parking", page_size=10, window=1).verified())
        sizes = {int(request.query["pageSize"]) for request in simulator.requests if "search" in request.query}
    assert uuids(part) == [device.uuid for device in everything if "Parking" in device.name] != []
    assert max(sizes) <= 10


@either
def test_a_fleet_that_changes_meanwhile_is_proven(lister: Make) -> None:
    with lists(lister, devices=45, changes=["2=remove:3", "4=add:2"]) as (_, client):
        fleet = client.collect(lambda client: client.devices(page_size=10, window=1).verified())
    assert fleet.proof is not None


@either
def test_what_is_proven_is_in_the_error(lister: Make) -> None:
    with lists(lister, **HIDDEN) as (_, client), pytest.raises(IncompleteError) as caught:
        client.collect(verified)
    with lists(lister, devices=45) as (_, client):
        whole = client.collect(lambda client: client.devices())
    error = caught.value
    assert isinstance(error, ListingError)
    assert error.devices == whole.devices[:10]
    assert error.gaps == ((whole[9].uuid, None),)
    assert error.why.startswith("the devices changed faster than their pages could be linked, or the service hides some")
    assert str(error) == f"the listing is not proven complete: {error.why}"


@either
def test_devices_that_were_iterated_over_are_not_in_the_error(lister: Make) -> None:
    with lists(lister, **HIDDEN) as (_, client):
        read = client.read(verified)
    assert isinstance(read.error, IncompleteError)
    assert (len(read.items), read.error.devices, read.proof) == (10, (), None)
    assert read.error.gaps == ((read.items[-1].uuid, None),)


@either
@pytest.mark.parametrize(
    ("quirk", "why"),
    [
        ("sort-by-uuid:ignored", "the service ordered the devices by name instead of uuid"),
        ("sort-by-uuid:refused", "the service refused a page that the proof needs"),
    ],
)
def test_nothing_is_proven_in_another_order(quirk: str, why: str, lister: Make) -> None:
    with lists(lister, devices=45, quirks=[quirk]) as (_, client), pytest.raises(IncompleteError) as caught:
        client.collect(verified)
    assert caught.value.why.startswith(why)
    assert (caught.value.gaps, caught.value.devices) == (((None, None),), ())


@either
@pytest.mark.parametrize("given", [{"sort_by": "name"}, {"sort_by": "uuid"}, {"descending": True}, {"descending": False}])
def test_another_order_is_refused_before_anything_is_sent(given: dict[str, Any], lister: Make) -> None:
    with lists(lister) as (simulator, client):
        for listing in (
            lambda: client.collect(lambda client: client.devices(**given).verified()),
            lambda: client.read(lambda client: client.devices(**given).verified()).error,
        ):
            try:
                error = listing()
            except InputError as raised:
                error = raised
            assert isinstance(error, InputError)
            assert "order cannot be named for a listing that proves it is complete" in str(error)
        assert simulator.calls() == 0


def test_each_iteration_lists_anew() -> None:
    with Simulator(devices=3) as simulator, simulator.client() as client:
        listing = client.devices().verified()
        assert simulator.calls() == 0
        assert list(listing) == list(listing) == list(listing.collect())
        assert simulator.calls("devices") == 3


def test_an_error_is_copied_and_pickled_with_its_devices() -> None:
    with Simulator(**HIDDEN) as simulator, simulator.client() as client, pytest.raises(IncompleteError) as caught:
        client.devices(page_size=10).verified().collect()
    error = caught.value
    assert len(error.devices) == 10 and isinstance(error.devices[0], Device)
    for other in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is IncompleteError
        assert (str(other), other.why, other.gaps, other.devices) == (str(error), error.why, error.gaps, error.devices)


@either
@pytest.mark.parametrize("options", [{"devices": 45}, HIDDEN], ids=["proven", "incomplete"])
def test_a_proof_logs_no_warning(options: dict[str, Any], lister: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kpn_things")
    with lists(lister, **options) as (_, client):
        client.read(verified)
    assert [record for record in caplog.records if record.name == "kpn_things"] == []


MEMORY = """
import asyncio
from kpn_things import AsyncClient, Client

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 2**10

async def main():
    async with AsyncClient.from_env() as client:
        return sum([1 async for _ in client.devices(page_size=20, window=1).verified()])

def run():
    with Client.from_env() as client:
        return sum(1 for _ in client.devices(page_size=20, window=1).verified())

with Client.from_env() as client:
    next(iter(client.devices(page_size=20, window=1)))
before = peak()
listed = asyncio.run(main()) if {asynchronous} else run()
one_by_one = peak() - before
with Client.from_env() as client:
    fleet = client.devices(page_size=20, window=1).verified().collect()
print(listed, len(fleet), one_by_one, peak() - before)
"""


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_devices_that_were_handed_out_are_not_held(asynchronous: bool) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak memory of a program is read from /proc")
    with Simulator(devices=0) as simulator:
        for number in range(2_000):
            simulator.add_device(f"Device {number}", metadata="x" * 30_000)
        with Program(MEMORY.format(asynchronous=asynchronous), simulator.environment()) as program:
            [line] = program.finish(patience=60)
    listed, collected, one_by_one, all_at_once = map(int, line.split())
    assert listed == collected == 2_000
    # The fleet takes 57 MiB, and a page 0.6 MiB.
    assert all_at_once >= 50
    assert one_by_one <= 30

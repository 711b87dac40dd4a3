"""A plain listing reports signs that it is incomplete, and a strict one raises an exception for them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kpn_things import AsyncClient, Client, Fleet, ListingError, ListingReport, ServerError
from kpn_things.testing import Simulator

from .listing import Lister, Read, either
from .service import PATIENCE, Service

Make = Callable[[Any], Lister]

FEWER = ListingReport(35, total_elements=45)
MOVED = ListingReport(42, total_elements=42, moved_totals=(42, 45))

NOTICES = pytest.mark.parametrize(
    ("options", "report"),
    [
        pytest.param({"quirks": ["empty-page:1"]}, FEWER, id="fewer"),
        pytest.param({"changes": ["2=remove:3"]}, MOVED, id="moved"),
    ],
)
"""Simulators of 45 devices in pages of ten that contradict each other, and the expected report."""


def plain(client: Any) -> Any:
    return client.devices(page_size=10, window=1)


def strict(client: Any) -> Any:
    return client.devices(page_size=10, window=1, strict=True)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@either
def test_a_listing_that_fits_together_reports_nothing(lister: Make, caplog: pytest.LogCaptureFixture) -> None:
    with Simulator(devices=45) as simulator:
        client = lister(simulator.environment())
        listings: list[Fleet | Read] = [client.collect(plain), client.collect(strict)]
        listings += [client.read(plain), client.read(strict), client.read(lambda client: plain(client).pages())]
    for listing in listings:
        assert listing.report == ListingReport(45, total_elements=45)
        assert listing.proof is None
    assert warnings(caplog) == []


@either
@NOTICES
def test_what_does_not_fit_together_is_reported(
    options: dict[str, Any], report: ListingReport, lister: Make
) -> None:
    def reported(how: Callable[[Lister], Fleet | Read]) -> ListingReport | None:
        with Simulator(devices=45, **options) as simulator:
            return how(lister(simulator.environment())).report

    assert reported(lambda client: client.collect(plain)) == report
    assert reported(lambda client: client.read(plain)) == report
    assert reported(lambda client: client.read(lambda client: plain(client).pages())) == report


@either
def test_a_device_that_comes_twice_is_listed_once_and_reported(lister: Make) -> None:
    quirks = ["sort-by-uuid:ignored", "shuffled-ties", "shared-names:9"]
    with Simulator(devices=45, quirks=quirks) as simulator:
        fleet = lister(simulator.environment()).collect(plain)
    assert fleet.report.doubles > 0
    assert len(set(fleet)) == len(fleet) == 45 - fleet.report.doubles == 45 - fleet.report.missing


@either
@NOTICES
def test_what_does_not_fit_together_is_one_warning_that_names_the_way_out(
    options: dict[str, Any], report: ListingReport, lister: Make, caplog: pytest.LogCaptureFixture
) -> None:
    expected = f"a listing of devices may be incomplete: {report}; list with verified()"
    caplog.set_level(logging.WARNING, "kpn_things")
    with Simulator(devices=45, **options) as simulator:
        lister(simulator.environment()).collect(plain)
    assert warnings(caplog) == [expected]
    with Simulator(devices=45, **options) as simulator:
        lister(simulator.environment()).read(plain)
    assert warnings(caplog) == [expected, expected]
    assert {record.name for record in caplog.records} == {"kpn_things"}


@either
@NOTICES
def test_a_strict_listing_raises_what_does_not_fit_together(
    options: dict[str, Any], report: ListingReport, lister: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with Simulator(devices=45, **options) as simulator, pytest.raises(ListingError) as caught:
        lister(simulator.environment()).collect(strict)
    assert type(caught.value) is ListingError
    assert str(caught.value).startswith("the pages contradict each other: ")
    with Simulator(devices=45, **options) as simulator:
        read = lister(simulator.environment()).read(strict)
    assert type(read.error) is ListingError
    assert read.report is not None and not read.report.is_clean
    assert str(read.report) in str(read.error)
    # The error reports it already.
    assert warnings(caplog) == []


@either
def test_a_listing_that_failed_logs_no_warning(lister: Make, caplog: pytest.LogCaptureFixture) -> None:
    with Simulator(devices=45, faults=["devices@3-=status:500"]) as simulator:
        read = lister(simulator.environment()).read(plain)
    assert isinstance(read.error, ServerError)
    assert read.report == ListingReport(20, total_elements=45)
    assert warnings(caplog) == []


def test_a_report_can_be_read_while_the_listing_goes_on() -> None:
    with Simulator(devices=45) as simulator, simulator.client() as client:
        pages = plain(client).pages()
        assert pages.report == ListingReport(0)
        next(pages)
        assert pages.report == ListingReport(10, total_elements=45)
        next(pages)
        assert pages.report == ListingReport(20, total_elements=45)


def test_a_report_can_be_read_while_a_task_waits_for_a_page(service: Service) -> None:
    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            pages = client.devices(window=1).pages()
            await anext(pages)
            waiting = asyncio.create_task(anext(pages))
            await asyncio.to_thread(service.wait_until_asked, "/api/devices", 2)
            assert pages.report == ListingReport(1, total_elements=3)
            waiting.cancel()

    service.pages = 3
    service.stalled = lambda request: request.page == 1
    asyncio.run(main())


def test_a_listing_that_was_closed_has_ended_and_keeps_its_report() -> None:
    with Simulator(devices=45) as simulator, simulator.client() as client:
        devices = iter(plain(client))
        next(devices)
        devices.close()
        devices.close()
        assert list(devices) == []
        assert devices.report == ListingReport(10, total_elements=45)
        assert simulator.calls("devices") <= 2


def test_a_listing_that_two_threads_read_is_not_cut_off(service: Service) -> None:
    """`next` raises repeatedly in one thread while the other waits for its page. The listing still continues."""
    release = threading.Event()
    service.pages = 3
    service.on_request = lambda request: release.wait(PATIENCE) if request.page == 1 else None
    with Client(**service.settings()) as client, ThreadPoolExecutor(1) as threads:
        devices = iter(client.devices(window=1))
        next(devices)
        waiting = threads.submit(next, devices)
        service.wait_for(lambda: any(request.page == 1 for request in service.requests))
        for _ in range(3):
            with pytest.raises(RuntimeError, match="read by another thread"):
                next(devices)
        release.set()
        assert waiting.result(PATIENCE).uuid == "device-1"
        assert [device.uuid for device in devices] == ["device-2"]


@pytest.mark.parametrize("strict", [1, "yes", None])
def test_strict_is_true_or_false_as_python_has_it(strict: Any) -> None:
    with Simulator(devices=45, quirks=["empty-page:1"]) as simulator, simulator.client() as client:
        listing = client.devices(page_size=10, strict=strict)
        if strict:
            with pytest.raises(ListingError):
                listing.collect()
        else:
            assert len(listing.collect()) == 35

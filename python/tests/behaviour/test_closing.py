"""A listing is closed while another task or thread waits for its next page."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from kpn_things import AsyncClient, Client

from .service import PATIENCE, Service


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


@pytest.fixture
def service(gate: threading.Event) -> Iterator[Service]:
    """A service that holds the response with the fourth page until the gate is open."""
    with Service(pages=10, on_request=lambda request: request.page != 3 or gate.wait(PATIENCE)) as service:
        yield service


def waiting(service: Service) -> bool:
    return any(request.page == 3 for request in service.requests)


def test_a_task_that_reads_a_listing_gets_no_devices_after_it_was_closed(service: Service, gate: threading.Event) -> None:
    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            pages = client.devices(window=1).pages()
            first = [await anext(pages) for _ in range(3)]
            reader = asyncio.ensure_future(anext(pages, "the end"))
            await asyncio.to_thread(service.wait_for, lambda: waiting(service))
            await pages.aclose()
            gate.set()
            assert await asyncio.wait_for(reader, PATIENCE) == "the end"
            assert await anext(pages, "the end") == "the end"
            assert len(first) == 3 and pages.report.devices >= 3

    asyncio.run(main())


def test_a_thread_that_reads_a_listing_gets_no_devices_after_it_was_closed(service: Service, gate: threading.Event) -> None:
    with Client(**service.settings()) as client:
        pages = client.devices(window=1).pages()
        first = [next(pages) for _ in range(3)]
        last: list[object] = []
        reader = threading.Thread(target=lambda: last.append(next(pages, "the end")))
        reader.start()
        service.wait_for(lambda: waiting(service))
        pages.close()
        gate.set()
        reader.join(PATIENCE)
        assert last == ["the end"]
        assert next(pages, "the end") == "the end"
        assert len(first) == 3

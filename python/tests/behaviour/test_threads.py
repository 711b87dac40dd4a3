"""One client for many threads and tasks."""

from __future__ import annotations

import asyncio
import resource
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kpn_things import AsyncClient, Client
from kpn_things._native import Simulator

from .service import PATIENCE, Service

THREADS = 64
TASKS = 1_000


def together(work: Callable[[int], Any]) -> list[Any]:
    """What comes of the work in 64 threads that begin at one moment."""
    begin = threading.Barrier(THREADS)

    def worker(number: int) -> Any:
        begin.wait(PATIENCE)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result(PATIENCE) for future in [pool.submit(worker, number) for number in range(THREADS)]]


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """A thousand connections have two thousand ends, and all of them are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 4 * TASKS
    if hard != resource.RLIM_INFINITY and hard < enough:
        pytest.skip(f"a process may have {hard} descriptors, and needs {enough}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_64_threads_fetch_one_token(simulator: Simulator) -> None:
    with Client.from_env(simulator.environment()) as client:

        def send(number: int) -> int:
            return client.send_downlink("0059AC0000181EB6", bytes([number]), port=number + 1).status

        assert together(send) == [201] * THREADS
        assert simulator.calls("token") == 1
        simulator.revoke_tokens()
        assert together(send) == [201] * THREADS
        assert simulator.calls("token") == 2
    assert len(simulator.downlinks()) == 2 * THREADS


def test_a_thousand_tasks_fetch_one_token(simulator: Simulator, many_descriptors: None) -> None:
    async def main() -> None:
        async with AsyncClient.from_env(simulator.environment()) as client:
            sends = (client.send_downlink("0059AC0000181EB6", b"\x01", port=1) for _ in range(TASKS))
            assert {receipt.status for receipt in await asyncio.gather(*sends)} == {201}

    asyncio.run(main())
    assert simulator.calls("token") == 1
    assert len(simulator.downlinks()) == TASKS


def test_a_context_switch_is_made_once_for_all_threads(simulator: Simulator) -> None:
    (customer,) = simulator.customers
    with Client.from_env(simulator.environment()) as client:
        theirs = client.for_customer(customer)
        assert together(lambda number: len(theirs.devices().collect())) == [3] * THREADS
    assert (simulator.calls("token"), simulator.calls("context-switch")) == (1, 1)


def test_listings_of_many_threads_do_not_disturb_each_other(simulator: Simulator) -> None:
    with Client.from_env(simulator.environment()) as client:
        first = [device.uuid for device in client.devices()]
        fleets = together(lambda number: client.devices(page_size=7, window=1 + number % 8).collect())
        assert all([device.uuid for device in fleet] == first for fleet in fleets)


def test_a_listing_is_read_by_one_thread_at_a_time(service: Service) -> None:
    go_on = threading.Event()
    service.pages = 2
    service.on_request = lambda request: request.page == 1 and go_on.wait(PATIENCE)
    with Client(**service.settings()) as client, ThreadPoolExecutor(1) as pool:
        pages = client.devices(window=1).pages()
        next(pages)
        second = pool.submit(next, pages)
        service.wait_until_asked("/api/devices", 2)
        with pytest.raises(RuntimeError, match="read by another thread.*list again"):
            next(pages)
        go_on.set()
        assert second.result(PATIENCE).number == 1


def test_closing_during_a_call_lets_it_end(service: Service) -> None:
    go_on = threading.Event()
    service.on_request = lambda request: request.path == "/late" and go_on.wait(PATIENCE)
    client = Client(**service.settings())
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(client.request, "GET", "/late")
        service.wait_until_asked("/late")
        client.close()
        go_on.set()
        assert late.result(PATIENCE).status == 200
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.request("GET", "/after")
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.devices().collect()
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.send_downlink("0059AC0000181EB6", b"\x01", port=1)
    assert service.asked("/after") == 0


def test_closing_closes_idle_connections(service: Service) -> None:
    client = Client(**service.settings())
    client.request("GET", "/devices")
    client.close()
    service.wait_for(lambda: all(connection.closed_at for connection in service.connections))
    client.close()


def test_leaving_the_block_closes_the_client_and_those_made_of_it(service: Service) -> None:
    with Client(**service.settings()) as client:
        theirs = client.for_customer("customer")
        assert theirs.request("GET", "/devices").status == 200
    for closed in (client, theirs):
        with pytest.raises(RuntimeError, match="the client is closed"):
            closed.request("GET", "/after")


def test_leaving_the_block_by_an_exception_closes_too(service: Service) -> None:
    with pytest.raises(ZeroDivisionError), Client(**service.settings()) as client:
        1 / 0
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.request("GET", "/after")

"""One client in many threads: listings that are shared, and clients that are closed. `faults` tests the rest."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kpn_things import Client

from .service import PATIENCE, Service


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

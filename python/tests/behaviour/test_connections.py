"""An `AsyncClient` limits its connections. A call waits for a free one before its timeout starts."""

from __future__ import annotations

import asyncio
import platform
import sys
from typing import Any

import pytest

import kpn_things
from kpn_things import AsyncClient, Client, ConfigError, ConnectError
from kpn_things._native import Simulator

from .program import Program
from .service import Service

DEV_EUI = "0059AC0000181EB6"


def test_a_gather_of_100_000_downlinks_has_at_most_100_connections(simulator: Simulator) -> None:
    """The limit is the usual 1,024 descriptors, and the service is slow."""
    source = f"""
    import asyncio, collections, logging, os, resource
    from kpn_things import AsyncClient

    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))

    async def main():
        most = 0
        async with AsyncClient.from_env() as client:
            calls = [asyncio.ensure_future(client.send_downlink("{DEV_EUI}", b"1", port=1)) for _ in range(100_000)]
            everything = asyncio.gather(*calls, return_exceptions=True)
            while not everything.done():
                most = max(most, len(os.listdir("/proc/self/fd")))
                await asyncio.wait([everything], timeout=0.05)
            print(dict(collections.Counter(type(one).__name__ for one in everything.result())))
            print(most < 130)

    asyncio.run(main())
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("descriptors are counted in /proc")
    simulator.add_fault("downlinks@1-2000=latency:50ms")
    with Program(source, simulator.environment(), development=False) as program:
        assert program.finish(patience=120) == ["{'Receipt': 100000}", "True"]
    assert simulator.calls("downlinks") == 100_000


def test_the_time_of_a_call_begins_with_its_connection(service: Service) -> None:
    service.stalled = lambda request: request.path.startswith("/slow")

    async def main() -> Any:
        async with AsyncClient(**service.settings(), max_connections=1, timeout=0.3) as client:
            calls = [client.request("GET", f"/{name}") for name in ("slow-1", "slow-2", "fast")]
            return await asyncio.gather(*calls, return_exceptions=True)

    *slow, fast = asyncio.run(main())
    assert [type(error).__name__ for error in slow] == ["DeadlineError", "DeadlineError"]
    assert all(error.attempts == 1 for error in slow)
    assert fast.status == 200


def test_a_call_that_waits_too_long_for_a_connection_was_not_sent(service: Service) -> None:
    service.stalled = lambda request: request.path == "/slow"

    async def main() -> Any:
        async with AsyncClient(**service.settings(), max_connections=1, pool_timeout=0.05) as client:
            slow = asyncio.ensure_future(client.request("GET", "/slow"))
            await asyncio.to_thread(service.wait_until_asked, "/slow")
            with pytest.raises(ConnectError) as caught:
                await client.send_downlink(DEV_EUI, b"1", port=1, external_reference="valve-42")
            slow.cancel()
            return caught.value

    error = asyncio.run(main())
    assert (error.outcome, error.attempts, error.external_reference) == ("not_sent", 0, "valve-42")
    assert error.is_retryable
    assert "all 1 connections of the client are in use, and none became free within 50.0ms" in str(error)
    assert "allow more connections" in error.hint
    assert service.asked("/downlinks") == 0


def test_clients_of_one_connection_share_its_bound(service: Service) -> None:
    service.stalled = lambda request: request.path.startswith("/held")

    async def main() -> list[Any]:
        async with AsyncClient(**service.settings(), max_connections=2, pool_timeout=0.05, timeout=1) as client:
            await client.request("GET", "/devices")
            others = [client, client.with_options(timeout=0.9), client.with_options(timeout=0.8)]
            calls = [other.request("GET", "/held") for other in others * 2]
            return await asyncio.gather(*calls, return_exceptions=True)

    errors = asyncio.run(main())
    assert sorted(type(error).__name__ for error in errors) == ["ConnectError"] * 4 + ["DeadlineError"] * 2
    assert service.asked("/held") == 2


@pytest.mark.parametrize("options", [{"max_connections": 0}, {"pool_timeout": 0}, {"pool_timeout": -1.0}])
def test_a_bound_that_cannot_be_right_is_refused(options: dict[str, Any], service: Service) -> None:
    [name] = options
    with pytest.raises(ConfigError, match=name):
        AsyncClient(**service.settings(), **options)


@pytest.mark.parametrize(("options", "program"), [({}, ""), ({"user_agent": "my-app/1.2"}, "my-app/1.2 ")])
def test_every_request_names_the_program_the_package_and_python(
    options: dict[str, Any], program: str, service: Service
) -> None:
    async def main() -> None:
        async with AsyncClient(**service.settings(), **options) as client:
            await client.request("GET", "/devices")

    asyncio.run(main())
    with Client(**service.settings(), **options) as client:
        client.request("GET", "/devices")
    ours = f"kpn-things-python/{kpn_things.__version__} Python/{platform.python_version()} kpn-things-sdk/"
    heads = [connection.head.decode().lower() for connection in service.connections]
    assert heads and all(f"user-agent: {program}{ours}".lower() in head for head in heads)

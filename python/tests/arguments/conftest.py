from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kpn_things import Client
from kpn_things.testing import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=3) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def client(simulator: Simulator) -> Iterator[Client]:
    with simulator.client() as client:
        yield client


@pytest.fixture(scope="module", params=["sync", "async"])
def call(request: pytest.FixtureRequest, simulator: Simulator) -> Callable[..., Any]:
    """Calls a method of either client by its name."""

    def call(method: str, /, *arguments: Any, **options: Any) -> Any:
        with simulator.client() as client:
            return getattr(client, method)(*arguments, **options)

    async def call_async(method: str, /, *arguments: Any, **options: Any) -> Any:
        async with simulator.async_client() as client:
            return await getattr(client, method)(*arguments, **options)

    return call if request.param == "sync" else lambda *given, **options: asyncio.run(call_async(*given, **options))

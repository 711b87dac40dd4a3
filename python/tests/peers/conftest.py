from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from kpn_things import AsyncClient, Client
from kpn_things.testing import Simulator

from .either import Either, close
from .service import Service


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with closing(Service()) as service:
        yield service


@pytest.fixture(scope="module", params=[Client, AsyncClient])
def client(request: pytest.FixtureRequest, service: Service) -> Iterator[Either]:
    """Each client, connected to the service."""
    client = request.param(**service.settings())
    yield client
    close(client)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=5) as simulator:
        yield simulator

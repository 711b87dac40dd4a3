from __future__ import annotations

from collections.abc import Iterator

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

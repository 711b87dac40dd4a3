from __future__ import annotations

from collections.abc import Iterator

import pytest

from kpn_things._native import Simulator

from .service import Service


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes seconds")


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    simulator = Simulator(devices=100)
    yield simulator
    simulator.stop()

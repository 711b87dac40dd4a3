"""The pytest plugin: code under test that calls `Client.from_env()` reaches a simulator.

    @pytest.mark.kpn_things(devices=3)
    def test_my_program(kpn_things_simulator):
        my_program.main()
        assert kpn_things_simulator.downlinks[0].port == 1

While such a test runs, no client of the process reaches anything but a simulator, however and whenever it was made. A client
of a real account raises an `InputError`, and nothing is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kpn_things.testing import Simulator

__all__ = ["kpn_things_simulator", "pytest_collection_modifyitems", "pytest_configure"]

MARKER = "kpn_things"
FIXTURE = "kpn_things_simulator"


@pytest.fixture
def kpn_things_simulator(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """A simulator of KPN Things for this test, which the `KPN_THINGS_*` variables point at.

    The marker `kpn_things` of the test, its class or its module holds options of `kpn_things.testing.Simulator`; the nearest
    one takes precedence. All other `KPN_THINGS_*` variables are absent.
    """
    from kpn_things.testing import Simulator

    with _only_simulators(), Simulator(**_options(request.node)) as simulator:
        for name in [name for name in os.environ if name.startswith("KPN_THINGS_")]:
            monkeypatch.delenv(name)
        for name, value in simulator.environment().items():
            monkeypatch.setenv(name, value)
        yield simulator


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**options): run with a simulator of KPN Things that has these options; "
        f"the fixture {FIXTURE} is there without it, too.",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Adds the fixture to each test with the marker, in front of its other fixtures, also those of the session."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker(MARKER):
            if FIXTURE not in item.fixturenames[:1]:  # parameters share the list
                item.fixturenames.insert(0, FIXTURE)


@contextmanager
def _only_simulators() -> Iterator[None]:
    from kpn_things._native import only_simulators

    only_simulators(True)
    try:
        yield
    finally:
        only_simulators(False)


def _options(item: pytest.Item) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers(MARKER))):
        if marker.args:
            raise pytest.UsageError(f"{MARKER} takes options by their names, such as devices=3")
        options.update(marker.kwargs)
    return options

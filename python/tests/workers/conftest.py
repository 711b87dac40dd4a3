from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpn_things.testing import Simulator

from .machines import PROGRAMS, Machines


@pytest.fixture(scope="session")
def ledger() -> Iterator[str]:
    """The URL of a ledger on a PostgreSQL server of these tests."""
    server = subprocess.Popen([PROGRAMS / "database"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    if not url:
        assert server.wait() == 0, "the server does not start"
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    yield url
    server.stdin.close()
    server.wait(60)


@pytest.fixture
def machines(ledger: str, tmp_path: Path) -> Iterator[Machines]:
    with Simulator(faults=["downlinks=latency:100ms"]) as simulator:
        yield Machines(ledger, simulator, tmp_path)

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from behaviour.service import Service

from .caller import Tasks


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    # Some rows have only trials in Rust.
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Raises the limit on descriptors: a thousand connections have two thousand ends, all in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 4 * Tasks.many
    if hard != resource.RLIM_INFINITY and hard < enough:
        pytest.skip(f"a process may have {hard} descriptors, and needs {enough}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, enough), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

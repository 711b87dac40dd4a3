"""While a marked test runs, every client in the process reaches a simulator or raises."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kpn_things.testing import Simulator

pytest_plugins = ["pytester"]


PROGRAM = """
import asyncio, os, threading
import pytest
from kpn_things import AsyncClient, Client, InputError
from kpn_things.testing import Simulator

DOWNLINK = "0059AC0000181EB6", b"1"

def send(client):
    client.send_downlink(*DOWNLINK, port=1)

def refused(client):
    with pytest.raises(InputError, match=r"for 127\\.0\\.0\\.1:\\d+, but a test with the marker kpn_things reaches simulators"):
        send(client)

async def send_async(client):
    await client.send_downlink(*DOWNLINK, port=1)

"""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """The account in the environment, which no marked test must reach.

    It is a simulator in this process. The tests run in another process, which does not know it as a simulator.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # other plugins take a second each
    with Simulator(devices=0) as account:
        for name, value in account.environment().items():
            monkeypatch.setenv(name, value)
        yield account


def run(pytester: pytest.Pytester, source: str) -> pytest.RunResult:
    """Runs a user's test file in a separate process."""
    pytester.makepyfile(PROGRAM + source)
    return pytester.runpytest_subprocess("--strict-markers", "-p", "kpn_things.pytest_plugin")


def test_a_client_of_the_module_is_refused_until_the_test_is_over(
    pytester: pytest.Pytester, account: Simulator
) -> None:
    result = run(
        pytester,
        """
client = Client.from_env()
async_client = AsyncClient.from_env()

@pytest.mark.kpn_things
def test_marked(kpn_things_simulator):
    refused(client)
    with pytest.raises(InputError, match="reaches simulators only"):
        asyncio.run(send_async(async_client))
    with pytest.raises(InputError, match="reaches simulators only"):
        client.devices().collect()
    with Client.from_env() as ours:
        send(ours)
    assert len(kpn_things_simulator.downlinks) == 1

@pytest.mark.kpn_things
def test_marked_that_fails():
    assert False

@pytest.mark.kpn_things(device=1)
def test_marked_whose_simulator_does_not_start(): ...

def test_unmarked():
    send(client)
        """,
    )
    result.assert_outcomes(passed=2, failed=1, errors=1)
    assert len(account.downlinks) == 1


def test_a_client_of_a_session_fixture_is_refused_whenever_it_was_made(
    pytester: pytest.Pytester, account: Simulator
) -> None:
    result = run(
        pytester,
        """
@pytest.fixture(scope="session")
def client():
    with Client.from_env() as client:
        yield client

@pytest.fixture(scope="session")
def greeting():
    with Client.from_env() as client:
        send(client)

def test_unmarked(client):
    send(client)

@pytest.mark.kpn_things
def test_marked(client):
    refused(client)

@pytest.mark.kpn_things
def test_marked_that_sets_up_the_session(greeting, kpn_things_simulator):
    assert len(kpn_things_simulator.downlinks) == 1

def test_unmarked_again(client):
    send(client)
        """,
    )
    result.assert_outcomes(passed=4)
    assert len(account.downlinks) == 2


def test_clients_of_other_threads_and_of_forked_children_are_refused(
    pytester: pytest.Pytester, account: Simulator
) -> None:
    result = run(
        pytester,
        """
client = Client.from_env()

@pytest.mark.kpn_things
def test_thread():
    refusals = []
    thread = threading.Thread(target=lambda: refusals.append(refused(client)))
    thread.start()
    thread.join()
    assert refusals == [None]

@pytest.mark.kpn_things
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork(kpn_things_simulator):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            refused(client)
            with Client.from_env() as ours:
                send(ours)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert len(kpn_things_simulator.downlinks) == 1
        """,
    )
    result.assert_outcomes(passed=2 if hasattr(os, "fork") else 1)
    assert not account.downlinks


def test_a_simulator_of_the_test_and_one_of_the_session_are_reached(
    pytester: pytest.Pytester, account: Simulator
) -> None:
    result = run(
        pytester,
        """
@pytest.fixture(scope="session")
def other():
    with Simulator() as simulator, simulator.client() as client:
        yield client

@pytest.mark.kpn_things
def test_marked(other):
    send(other)
    with Simulator() as simulator, simulator.client() as client:
        send(client)
        assert len(simulator.downlinks) == 1
        """,
    )
    result.assert_outcomes(passed=1)
    assert not account.downlinks


def test_a_simulator_that_stopped_is_not_reached_as_ever(pytester: pytest.Pytester, account: Simulator) -> None:
    result = run(
        pytester,
        """
@pytest.mark.kpn_things
def test_marked(kpn_things_simulator):
    from kpn_things import ConnectError
    with Client.from_env() as client:
        kpn_things_simulator.stop()
        with pytest.raises(ConnectError):
            send(client)
        """,
    )
    result.assert_outcomes(passed=1)


def test_the_host_of_the_identity_service_counts_as_well(pytester: pytest.Pytester, account: Simulator) -> None:
    result = run(
        pytester,
        """
@pytest.mark.kpn_things
def test_marked():
    with Client.from_env(token_url="https://grip.example/token") as client:
        with pytest.raises(InputError, match="for grip.example, but"):
            send(client)
        """,
    )
    result.assert_outcomes(passed=1)

"""A client is pickled to other processes without its secret. Each process finds the secret in its own environment."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from kpn_things import Client, ConfigError
from kpn_things._native import Simulator

from .service import PATIENCE

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture
def client(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client that has made a call. Its secret is in the environment of this process and its children."""
    settings = simulator.environment()
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", settings["KPN_THINGS_KEY_SECRET"])
    with Client.from_env(settings) as client:
        client.devices().collect()
        yield client


def send(client: Client, port: int) -> tuple[int, int]:
    """Work for another process: returns the id of that process, and the status of the downlink."""
    return os.getpid(), client.send_downlink("0059AC0000181EB6", b"\x01", port=port).status


def put(client: Client, results: Any) -> None:
    results.put(send(client, 1))


@pytest.mark.parametrize("method", METHODS)
def test_a_process_gets_a_client(method: str, client: Client, simulator: Simulator) -> None:
    context: Any = multiprocessing.get_context(method)
    results = context.SimpleQueue()
    process = context.Process(target=put, args=(client, results))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == 0
    assert results.get() == (process.pid, 201)
    assert send(client, 2)[1] == 201
    assert [downlink["port"] for downlink in simulator.downlinks()] == [1, 2]


@pytest.mark.parametrize("method", METHODS)
def test_the_first_call_of_a_process_without_the_secret_says_what_to_set(
    method: str, client: Client, simulator: Simulator
) -> None:
    context: Any = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = context.Process(target=receive_without_secret, args=(theirs,))
    process.start()
    ours.send(client)
    assert ours.poll(PATIENCE)
    error = ours.recv()
    process.join(PATIENCE)
    assert process.exitcode == 0
    assert type(error) is ConfigError
    assert f"{simulator.environment()['KPN_THINGS_KEY_ID']}: set KPN_THINGS_KEY_SECRET in this process" in str(error)


def receive_without_secret(connection: Any) -> None:
    del os.environ["KPN_THINGS_KEY_SECRET"]
    client = connection.recv()
    assert repr(client).startswith("Client(base_url=None") and repr(pickle.loads(pickle.dumps(client))) == repr(client)
    try:
        client.for_customer("c-1").devices().collect()
    except ConfigError as error:
        connection.send(error)

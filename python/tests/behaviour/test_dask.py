"""Work over many machines, as Dask does it: a client is pickled, and each worker has the secret in its environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kpn_things import AsyncClient, Client, ConfigError
from kpn_things._native import Simulator

from .service import PATIENCE
from .test_processes import count, send

distributed = pytest.importorskip("distributed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@contextmanager
def cluster() -> Iterator[Any]:
    """Two workers, each a process of its own; the scheduler is in this one. All of them load what is sent."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster, distributed.Client(cluster) as dask:
        yield dask


def test_workers_with_the_secret_share_the_work(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = simulator.environment()
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", settings["KPN_THINGS_KEY_SECRET"])
    searches = ["", "a", "e", "Parking", "no such device"]
    with Client.from_env(settings) as client, cluster() as dask:
        counts = dask.gather(dask.map(count, [client] * len(searches), searches))
        assert counts == [count(client, search) for search in searches]
        sent = dask.gather(dask.map(send, [client] * 40, range(1, 41), pure=False))
    assert counts[0] == 100
    assert {status for _, status in sent} == {201}
    assert os.getpid() not in {process for process, _ in sent}
    assert sorted(downlink["port"] for downlink in simulator.downlinks()) == list(range(1, 41))


def test_without_the_secret_the_error_says_what_to_set(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KPN_THINGS_KEY_SECRET", raising=False)
    with Client.from_env(simulator.environment()) as client, cluster() as dask:
        for future in (dask.submit(count, client, ""), *dask.map(count, [client], [""])):
            with pytest.raises(RuntimeError, match="deserialization") as caught:
                future.result(PATIENCE)
            assert type(caught.value.__cause__) is ConfigError
            assert "set KPN_THINGS_KEY_SECRET in this process" in str(caught.value.__cause__)
    assert simulator.calls() == 0


def test_dask_tells_clients_apart_without_their_secrets(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KPN_THINGS_KEY_SECRET", raising=False)
    tokenize = pytest.importorskip("dask.base").tokenize
    settings = simulator.environment()
    clients = [kind.from_env(settings, timeout=timeout) for kind in (Client, AsyncClient) for timeout in (5, 6)]
    clients += [client.for_customer("customer") for client in clients]
    tokens = {tokenize(client, ensure_deterministic=True) for client in clients}
    assert len(tokens) == len(clients)
    assert tokenize(Client.from_env(settings, timeout=5), ensure_deterministic=True) in tokens

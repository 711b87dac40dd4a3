"""Work on many machines with Dask: a client is pickled, and each worker has the secret in its environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from faults.caller import CALLERS
from faults.test_processes import work
from faults.trial import Trial
from kpn_things import AsyncClient, Client, ConfigError
from kpn_things._native import Simulator

from .service import PATIENCE

distributed = pytest.importorskip("distributed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@contextmanager
def cluster() -> Iterator[Any]:
    """Two worker processes, with the scheduler in this process. Each of them unpickles what it receives."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster, distributed.Client(cluster) as dask:
        yield dask


def test_r24_workers_with_the_secret_share_the_work(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = simulator.environment()
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", settings["KPN_THINGS_KEY_SECRET"])
    jobs = range(1, 41)
    with cluster() as dask:
        for caller in CALLERS:
            with Trial("R24", caller.name) as trial, caller(settings) as used:
                for process, status, devices in dask.gather(dask.map(work, [used.client] * 40, jobs, pure=False)):
                    trial.holds(
                        process != os.getpid() and (status, devices) == (201, 100),
                        lambda: f"on a worker: status {status}, {devices} devices",
                    )
    assert sorted(downlink["port"] for downlink in simulator.downlinks()) == sorted([*jobs, *jobs])


def test_r24_without_the_secret_the_error_says_what_to_set(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KPN_THINGS_KEY_SECRET", raising=False)
    with cluster() as dask:
        for caller in CALLERS:
            with Trial("R24", caller.name) as trial, caller(simulator.environment()) as used:
                for future in (dask.submit(work, used.client, 1), *dask.map(work, [used.client], [1])):
                    with pytest.raises(ConfigError) as caught:
                        future.result(PATIENCE)
                    cause = caught.value
                    trial.holds(
                        type(cause) is ConfigError and "set KPN_THINGS_KEY_SECRET in this process" in str(cause),
                        lambda: f"on a worker: {cause!r}",
                    )
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

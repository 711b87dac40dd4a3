"""The example for Dask: real worker processes, over the claims of the ledger."""

from __future__ import annotations

import sys

import pytest

from .machines import EXAMPLES, Machines, finished

distributed = pytest.importorskip("distributed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_tasks_send_each_downlink_once(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in machines.environment.items():
        monkeypatch.setenv(name, value)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        example = EXAMPLES / "dask" / "fleet.py"
        printed = finished(machines.start(sys.executable, example, machines.job, cluster.scheduler_address))
    assert printed.count("nothing is left to claim") == 2, printed
    machines.assert_each_was_sent_once()

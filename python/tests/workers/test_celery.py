"""The example for Celery: a real worker with two processes, over a broker of files."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from .machines import DOWNLINKS, EXAMPLES, PATIENCE, Machines, finished

pytest.importorskip("celery")

pytestmark = pytest.mark.slow

HERE = str(Path(__file__).parent)


def test_tasks_send_each_downlink_once(machines: Machines) -> None:
    broker = machines.folder / "broker"
    broker.mkdir()
    modules = os.pathsep.join([HERE, str(EXAMPLES / "celery")])
    variables = {"BROKER": str(broker), "PYTHONPATH": modules}
    # Four tasks for two processes, as if each message had been delivered twice.
    submit = "from filesystem_broker import app; from fleet import work; [work.delay('{}') for _ in range(4)]"
    finished(machines.start(sys.executable, "-c", submit.format(machines.job), **variables))
    options = ["--pool", "prefork", "--concurrency", "2", "--loglevel", "INFO", "--without-mingle", "--without-gossip"]
    worker = machines.start(sys.executable, "-m", "celery", "--app", "filesystem_broker", "worker", *options, **variables)
    try:
        machines.wait_until(lambda counts: counts["accepted"] == DOWNLINKS)
    finally:
        worker.send_signal(signal.SIGTERM)
        _, err = worker.communicate(timeout=PATIENCE)
    assert "nothing is left to claim" in err, err
    machines.assert_each_was_sent_once()

"""Dask workers that send the downlinks of a job together.

    things downlink bulk valves.csv --create-only
    python3 fleet.py JOB tcp://scheduler:8786

A task is a worker and not a downlink: Dask runs a task again if it has lost the machine, and cannot know whether a downlink of it was
sent. The claims in the ledger make it at most once. Each machine needs KPN_THINGS_LEDGER, the URL of a PostgreSQL database, and
the settings of the account.
"""

import subprocess
import sys

from distributed import Client, as_completed


def work(job: str) -> str:
    """Sends downlinks of the job until nothing is left to claim, and returns what the tool reports."""
    done = subprocess.run(["things", "downlink", "work", job], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stderr.strip()


if __name__ == "__main__":
    with Client(sys.argv[2]) as dask:
        machines = len(dask.scheduler_info()["workers"])
        # Without `pure=False`, Dask would take these for one task.
        for task in as_completed(dask.map(work, [sys.argv[1]] * machines, pure=False)):
            print(task.result())

"""Celery workers that send the downlinks of a job together.

    things downlink bulk valves.csv --create-only
    celery --app fleet worker
    python3 fleet.py JOB 4

A task is a worker and not a downlink. Celery starts the workers; the claims in the ledger make it at most once. Each machine needs
KPN_THINGS_LEDGER, the URL of a PostgreSQL database, and the settings of the account.
"""

import os
import subprocess
import sys

from celery import Celery

# Celery's defaults are right. Do not set `acks_late`: a broker delivers such a task again while it still runs, if it runs for
# longer than the broker's patience. That sends nothing twice, but starts ever more workers.
app = Celery("fleet", broker=os.environ.get("CELERY_BROKER_URL"))


@app.task(ignore_result=True)
def work(job: str) -> None:
    """Sends downlinks of the job, until nothing is left to claim."""
    subprocess.run(["things", "downlink", "work", job], check=True)


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        work.delay(sys.argv[1])

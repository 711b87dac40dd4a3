"""Runs of Python that share a job in a ledger on PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import pytest

from kpn_things import AsyncClient, Client, Ledger, LedgerError, Sent
from kpn_things.testing import Simulator

from .machines import PATIENCE

ROWS = [
    {"dev_eui": f"0059AC00{number:08X}", "port": 1, "payload": b"\x01", "reference": f"valve-{number}"} for number in range(60)
]


def joined(kind: type, simulator: Simulator, job: str, ledger: str) -> list[Sent]:
    """Joins the run of a job with either client, and returns what that sent."""
    if kind is Client:
        with simulator.client() as client:
            return list(client.resume_downlinks(job, ledger, window=4, join=True))

    async def main() -> list[Sent]:
        async with simulator.async_client() as client:
            run = await asyncio.to_thread(client.resume_downlinks, job, ledger, window=4, join=True)
            return [sent async for sent in run]

    return asyncio.run(main())


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_run_that_is_joined_sends_each_downlink_once(kind: type, ledger: str) -> None:
    others: list[Sent] = []
    with Simulator(faults=["downlinks=latency:50ms"]) as simulator, simulator.client() as client:
        run = client.send_downlinks(ROWS, ledger=ledger, window=4, source="valves")
        assert run.job
        job = run.job
        results = [next(run)]
        worker = threading.Thread(target=lambda: others.extend(joined(kind, simulator, job, ledger)))
        worker.start()
        results += run
        worker.join(PATIENCE)
        assert results and others, "both have sent some"
        assert Counter(sent.item.reference for sent in results + others) == {str(row["reference"]): 1 for row in ROWS}
        assert {sent.outcome for sent in results + others} == {"accepted"}
        assert len(simulator.downlinks) == len(ROWS)
        assert joined(kind, simulator, job, ledger) == []
        assert len(simulator.downlinks) == len(ROWS)


def test_a_ledger_on_postgresql_shows_its_jobs(ledger: str) -> None:
    with Simulator(faults=["downlinks=status:400"]) as simulator, simulator.client() as client:
        run = client.send_downlinks(ROWS[:3], ledger=Ledger(ledger), source="valves")
        assert {sent.outcome for sent in run} == {"not_sent"}
        assert run.job
        found = Ledger(ledger)
        job = found.job(run.job)
        assert job in found.jobs() and job.source == "valves"
        assert job.counts.not_sent == 3 and job.counts.is_finished
        assert [(item.index, item.status) for item in found.items(run.job, state="not_sent")] == [(0, 400), (1, 400), (2, 400)]
        with pytest.raises(LedgerError, match="not unknown"):
            found.resolve(run.job, 0, "accepted")
        # Refused downlinks are sent again on request only.
        assert list(client.resume_downlinks(run.job, found)) == []
        assert len(list(client.resume_downlinks(run.job, found, again=True))) == 3
        found.remove(run.job)
        with pytest.raises(LedgerError, match="no job"):
            found.job(run.job)

"""Runs of many downlinks: each is sent at most once, and each is accounted for."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm
from tqdm.asyncio import tqdm as tqdm_async

from kpn_things import (
    AsyncClient,
    AuthError,
    BadRequestError,
    BulkItem,
    CancelledError,
    Client,
    DownlinkOutcomeUnknown,
    Ledger,
    LedgerError,
    RetryPolicy,
    Sent,
)
from kpn_things.testing import Simulator

from .program import Program
from .service import PATIENCE, SECRET, Request, Service

AT_ONCE = 5.0
"""Seconds: well below the 30 of a call, and well above what an interrupt may take on a quiet machine."""

PATH = "/api/actuator/downlinks"
KINDS = pytest.mark.parametrize("kind", [Client, AsyncClient])


def row(number: int, **fields: Any) -> dict[str, Any]:
    return {"dev_eui": f"0059AC00{number:08X}", "payload": b"\x01\x02", "port": 1, **fields}


def rows(count: int) -> list[dict[str, Any]]:
    return [row(number, reference=f"valve-{number}") for number in range(count)]


def reading(kind: type, settings: dict[str, Any], read: Callable[[Any], Any], most: int | None = None) -> list[Sent]:
    """Reads a run of either client, up to so many items. `read` starts it."""
    if kind is Client:
        with Client(**settings) as client:
            run = read(client)
            return [sent for sent, _ in zip(run, range(len(run) if most is None else most))] + (list(run) if most is None else [])

    async def main() -> list[Sent]:
        found: list[Sent] = []
        async with AsyncClient(**settings) as client:
            async with read(client) as run:
                async for sent in run:
                    found.append(sent)
                    if len(found) == most:
                        break
        return found

    return asyncio.run(main())


def send(kind: type, settings: dict[str, Any], rows: Iterable[Any], **options: Any) -> list[Sent]:
    return reading(kind, settings, lambda client: client.send_downlinks(rows, **options))


def settings_of(simulator: Simulator) -> dict[str, Any]:
    environment = simulator.environment()
    names = ("tenant_id", "key_id", "key_secret", "application_id", "grip_base_url", "base_url")
    return {name: environment[f"KPN_THINGS_{name.upper()}"] for name in names}


def outcomes(sent: Iterable[Sent]) -> Counter[str]:
    return Counter(one.outcome for one in sent)


def references(simulator: Simulator) -> Counter[str]:
    return Counter(str(downlink.external_reference) for downlink in simulator.downlinks)


@pytest.mark.slow
@KINDS
def test_with_thirty_percent_busy_all_of_two_thousand_arrive_once(kind: type) -> None:
    with Simulator(devices=1, faults=["downlinks@30%=status:429"]) as simulator:
        retry = RetryPolicy(base_delay=0.001)
        sent = send(kind, {**settings_of(simulator), "retry": retry}, rows(2_000), window=16)
        assert outcomes(sent) == {"accepted": 2_000}
        assert sorted(one.index for one in sent) == list(range(2_000))
        assert set(references(simulator).values()) == {1} and len(references(simulator)) == 2_000


@KINDS
@pytest.mark.parametrize("durable", [False, True])
def test_every_item_has_its_outcome_and_what_came(kind: type, durable: bool, service: Service, tmp_path: Path) -> None:
    bad, lost = "valve-1&", "valve-2&"

    def answer(request: Request) -> Any:
        if bad in request.target + "&":
            return 400, b'{"error": "no such device"}'
        return [b""] if lost in request.target + "&" else None

    service.answers = answer
    service.leaves = lambda request: lost in request.target + "&"
    options = {"ledger": tmp_path / "run.db"} if durable else {}
    sent = sorted(send(kind, service.settings(), rows(4), **options), key=lambda one: one.index)
    assert [one.outcome for one in sent] == ["accepted", "not_sent", "unknown", "accepted"]
    assert [one.item.reference for one in sent] == [f"valve-{number}" for number in range(4)]
    assert sent[0].receipt is not None and sent[0].receipt.external_reference == "valve-0" and sent[0].error is None
    assert isinstance(sent[1].error, BadRequestError) and sent[1].receipt is None
    assert isinstance(sent[2].error, DownlinkOutcomeUnknown) and sent[2].error.external_reference == "valve-2"
    assert all(one.tries == 1 and one.recorded for one in sent)
    assert service.asked("/downlinks") == 4


@KINDS
def test_the_number_of_items_is_known_before_and_after(kind: Any, service: Service) -> None:
    client = kind(**service.settings())
    run = client.send_downlinks(iter(rows(3)))
    assert len(run) == 3 and run.job is None and run.progress.accepted == 0
    assert "3 downlinks" in repr(run)
    assert not service.requests, "nothing is sent before the first item is requested"


@KINDS
def test_without_rows_there_is_nothing_to_send(kind: type, service: Service) -> None:
    assert send(kind, service.settings(), []) == []
    assert not service.asked("/downlinks")


@KINDS
def test_a_run_that_cannot_go_on_returns_everything_and_then_raises(kind: type, service: Service) -> None:
    service.answers = lambda request: (401, b"{}") if request.path.endswith("/token") else None
    found: list[Sent] = []

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            async for sent in client.send_downlinks(rows(20), window=4):
                found.append(sent)

    with pytest.raises(AuthError):
        if kind is AsyncClient:
            asyncio.run(main())
        else:
            with Client(**service.settings()) as client:
                for sent in client.send_downlinks(rows(20), window=4):
                    found.append(sent)
    assert outcomes(found) == {"not_sent": 20}
    assert all(isinstance(one.error, AuthError) for one in found)


@KINDS
def test_a_run_that_is_left_is_resumed_without_sending_anything_twice(kind: type, tmp_path: Path) -> None:
    ledger, settings = Ledger(tmp_path / "run.db"), {}
    with Simulator(devices=1) as simulator:
        settings = settings_of(simulator)
        first = reading(kind, settings, lambda client: client.send_downlinks(rows(100), ledger=ledger, window=4), 10)
        (job,) = ledger.jobs()
        assert job.counts.accepted >= 10 and job.counts.sending == 0 and job.counts.unknown <= 4
        assert job.counts.total == 100 and not job.counts.is_finished
        # With the service as quick as this one, little is sent that the loop has not asked for.
        assert job.counts.accepted <= 10 + 10 * 4
        unknown = [item.index for item in ledger.items(job.id, state="unknown")]
        rest = reading(kind, settings, lambda client: client.resume_downlinks(job.id, ledger, window=4))
        assert outcomes(rest) == {"accepted": 100 - job.counts.accepted - len(unknown)}
        assert not {one.index for one in first} & {one.index for one in rest}
        assert set(references(simulator).values()) == {1}
        assert ledger.job(job.id).counts.is_finished


def test_an_exception_in_the_loop_loses_no_record(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with Simulator(devices=1) as simulator, simulator.client() as client:
        run = client.send_downlinks(rows(50), ledger=ledger, window=4)
        with pytest.raises(ZeroDivisionError):
            with run:
                for number, _ in enumerate(run):
                    assert 1 / (5 - number)
        counts = ledger.jobs()[0].counts
        # What had arrived is on record; only a request that was in flight is unknown.
        assert counts.accepted >= 6 and counts.sending == 0
        assert counts.accepted <= len(simulator.downlinks) <= counts.accepted + counts.unknown
        assert list(run) == []


def test_the_same_rows_twice_are_two_jobs(tmp_path: Path) -> None:
    with Simulator(devices=1) as simulator, simulator.client() as client:
        ledger = Ledger(tmp_path / "run.db")
        jobs = []
        for _ in range(2):
            run = client.send_downlinks(rows(3), ledger=ledger, source="valves.csv")
            assert outcomes(run) == {"accepted": 3}
            jobs.append(run.job)
        assert [job.id for job in ledger.jobs()] == sorted(map(str, jobs), reverse=True)
        assert [job.source for job in ledger.jobs()] == ["valves.csv"] * 2


def test_an_unknown_downlink_is_sent_again_only_if_a_person_says_so(service: Service, tmp_path: Path) -> None:
    service.stalled = lambda request: "valve-1" in request.target
    ledger = Ledger(tmp_path / "run.db")
    with Client(**service.settings()) as client:
        run = client.send_downlinks(rows(2), ledger=ledger, window=1, timeout=0.2)
        assert outcomes(run) == {"accepted": 1, "unknown": 1}
        job = run.job
        assert job is not None
        assert list(client.resume_downlinks(job, ledger)) == []
        (item,) = ledger.items(job, state="unknown")
        assert (item.index, item.tries, item.item.reference) == (1, 1, "valve-1")
        with pytest.raises(LedgerError, match="not unknown"):
            ledger.resolve(job, 0, "accepted")
        ledger.resolve(job, 1, "accepted")
        assert ledger.job(job).counts.accepted == 2
        ledger.remove(job)
        assert ledger.jobs() == []


@KINDS
def test_stop_finishes_what_is_in_flight(kind: type, service: Service) -> None:
    go_on = threading.Event()
    service.on_request = lambda request: request.path == PATH and service.asked("/downlinks") >= 4 and go_on.wait(PATIENCE)
    found: list[Sent] = []

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            run = client.send_downlinks(rows(50), window=4)
            async for sent in run:
                found.append(sent)
                run.stop()
                go_on.set()

    if kind is AsyncClient:
        asyncio.run(main())
    else:
        with Client(**service.settings()) as client:
            run = client.send_downlinks(rows(50), window=4)
            for sent in run:
                found.append(sent)
                run.stop()
                go_on.set()
    assert len(found) == 50 and set(outcomes(found)) == {"accepted", "not_sent"}
    assert outcomes(found)["accepted"] == service.asked("/downlinks") <= 12
    assert all(isinstance(one.error, CancelledError) for one in found if one.outcome == "not_sent")


def held_after(service: Service, count: int) -> None:
    """Accepts so many downlinks, and leaves the others without a response."""
    service.stalled = lambda request: request.path == PATH and service.asked("/downlinks") > count


INTERRUPTED = """
import time
from collections import Counter
from kpn_things import Client, Ledger

client = Client.from_env()
rows = [{{"dev_eui": f"0059AC00{{number:08X}}", "payload": b"\\x01", "port": 1}} for number in range(20)]
run = client.send_downlinks(rows, window=4, ledger={ledger!r})
seen = []

def read():
    for sent in run:
        seen.append(sent.outcome)

try:
    read()
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
read()
print(sorted(Counter(seen).items()))
if run.job:
    print(Ledger({ledger!r}).job(run.job).counts)
"""


@pytest.mark.parametrize("durable", [False, True])
def test_ctrl_c_ends_a_run_at_once_with_every_outcome_known(durable: bool, service: Service, tmp_path: Path) -> None:
    held_after(service, 3)
    ledger = str(tmp_path / "run.db") if durable else None
    with Program(INTERRUPTED.format(ledger=ledger), service.environment()) as program:
        service.wait_until_asked("/downlinks", 7)
        sent = time.monotonic()
        program.interrupt()
        assert float(program.line()) - sent < AT_ONCE
        lines = program.finish()
    assert service.asked("/downlinks") == 7
    if durable:
        assert lines[0] == "[('accepted', 3), ('unknown', 4)]"
        assert "accepted=3" in lines[1] and "unknown=4" in lines[1] and "sending=0" in lines[1]
    else:
        assert lines == ["[('accepted', 3), ('not_sent', 13), ('unknown', 4)]"]


def test_ctrl_c_during_the_token_fetch_leaves_nothing_unknown(service: Service, tmp_path: Path) -> None:
    service.stalled = lambda request: request.path.endswith("/token")
    ledger = str(tmp_path / "run.db")
    with Program(INTERRUPTED.format(ledger=ledger), service.environment()) as program:
        service.wait_until_asked("/token")
        sent = time.monotonic()
        program.interrupt()
        assert float(program.line()) - sent < AT_ONCE
        lines = program.finish()
    assert lines[0] == "[]" and "unknown=0" in lines[1]


@pytest.mark.parametrize("durable", [False, True])
def test_a_cancelled_run_ends_at_once_with_every_outcome_known(durable: bool, service: Service, tmp_path: Path) -> None:
    held_after(service, 3)
    ledger = Ledger(tmp_path / "run.db") if durable else None
    found: list[Sent] = []

    async def main() -> str | None:
        async with AsyncClient(**service.settings()) as client:
            run = client.send_downlinks(rows(20), window=4, ledger=ledger)

            async def read() -> None:
                async for sent in run:
                    found.append(sent)

            task = asyncio.ensure_future(read())
            await asyncio.to_thread(service.wait_until_asked, "/downlinks", 7)
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < AT_ONCE
            await read()
            return run.job

    job = asyncio.run(main())
    assert service.asked("/downlinks") == 7
    if ledger is None:
        assert outcomes(found) == {"accepted": 3, "unknown": 4, "not_sent": 13}
    else:
        assert outcomes(found) == {"accepted": 3, "unknown": 4}
        assert job is not None
        counts = ledger.job(job).counts
        assert (counts.accepted, counts.unknown, counts.sending) == (3, 4, 0)


@KINDS
def test_a_closed_run_warns_about_what_is_in_flight_and_frees_its_ledger(
    kind: type, service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held_after(service, 3)
    ledger = Ledger(tmp_path / "run.db")
    with caplog.at_level(logging.WARNING):
        started = time.monotonic()
        reading(kind, service.settings(), lambda client: client.send_downlinks(rows(20), window=4, ledger=ledger), 3) \
            if kind is AsyncClient else left_after_three(service, ledger)
        assert time.monotonic() - started < AT_ONCE
    warnings = [record for record in caplog.records if record.name == "kpn_things"]
    counts = ledger.jobs()[0].counts
    assert counts.accepted == 3 and counts.sending == 0
    assert len(warnings) == counts.unknown > 0
    assert all(record.__dict__["kpn_outcome"] == "unknown" for record in warnings)
    assert all(record.__dict__["kpn_external_reference"].startswith("valve-") for record in warnings)
    service.resume()
    with Client(**service.settings()) as client:
        rest = list(client.resume_downlinks(ledger.jobs()[0].id, ledger))
    assert outcomes(rest) == {"accepted": 17 - counts.unknown}


def left_after_three(service: Service, ledger: Ledger) -> None:
    with Client(**service.settings()) as client:
        found = 0
        for _ in client.send_downlinks(rows(20), window=4, ledger=ledger):
            found += 1
            if found == 3:
                service.wait_until_asked("/downlinks", 4)
                break


def test_another_thread_can_close_a_run_that_waits(service: Service) -> None:
    held_after(service, 0)
    with Client(**service.settings()) as client:
        run = client.send_downlinks(rows(20), window=4)
        found: list[Sent] = []
        thread = threading.Thread(target=lambda: found.extend(run))
        thread.start()
        # If a run held the interpreter while it waits, this would never come back.
        service.wait_until_asked("/downlinks", 4)
        run.close()
        thread.join(PATIENCE)
        assert not thread.is_alive() and found == []
        assert list(run) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_does_not_continue_the_run_of_its_parent(service: Service, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with Client(**service.settings()) as client:
        run = client.send_downlinks(rows(20), window=2, ledger=ledger)
        next(run)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                next(run)
            except RuntimeError:
                run.close()
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(list(run)) == 19
        assert ledger.jobs()[0].counts.accepted == 20
    assert service.asked("/downlinks") == 20


@pytest.mark.parametrize("code", [200, 400, 500])
def test_what_was_sent_can_be_pickled_without_a_secret(code: int, service: Service) -> None:
    service.answers = lambda request: (code, b"{}") if request.path == PATH else None
    not_after = "2126-01-01T00:00:00+01:00"
    (sent,) = send(Client, service.settings(), [row(1, not_after=not_after, reference="valve-1")])
    data = pickle.dumps(sent)
    again = pickle.loads(data)
    assert SECRET.encode() not in data
    assert (again.item, again.index, again.outcome, again.receipt) == (sent.item, 0, sent.outcome, sent.receipt)
    assert type(again.error) is type(sent.error) and str(again.error) == str(sent.error)
    assert again.item.not_after == sent.item.not_after
    assert "0102" not in repr(sent) and "\\x01" not in repr(sent)
    assert json.loads(json.dumps(sent.to_dict()))["reference"] == "valve-1"


def test_a_ledger_of_another_account_is_refused_before_anything_is_sent(service: Service, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with Client(**service.settings()) as client:
        run = client.send_downlinks(rows(3), ledger=ledger, window=1)
        next(run)
        run.close()
        asked = service.asked("/downlinks")
        assert run.job
        with pytest.raises(LedgerError, match="account"):
            list(client.for_customer("79658ca8-f1ba-4c25-b824-93813e9fba76").resume_downlinks(run.job, ledger))
    assert service.asked("/downlinks") == asked


@KINDS
def test_a_ledger_that_cannot_be_used_is_an_error_before_anything_is_sent(kind: type, service: Service, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    path.write_text("this is no ledger, but a text that is long enough to be looked at as one" * 20)
    with pytest.raises(LedgerError) as caught:
        send(kind, service.settings(), rows(3), ledger=path)
    assert not service.asked("/downlinks")
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), LedgerError)


@KINDS
def test_a_ledger_that_another_run_holds_is_an_error_that_leaves_no_job(kind: type, service: Service, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with Client(**service.settings()) as client, client.send_downlinks(rows(3), ledger=ledger, window=1) as run:
        next(run)
        with pytest.raises(LedgerError, match="another run .* holds the ledger"):
            send(kind, service.settings(), rows(3), ledger=ledger)
        assert [job.id for job in ledger.jobs()] == [run.job]
        assert outcomes(run) == {"accepted": 2}
        assert service.asked("/downlinks") == 3


def test_tqdm_shows_how_many_downlinks_have_ended(service: Service) -> None:
    shown = io.StringIO()
    with Client(**service.settings()) as client:
        assert len(list(tqdm(client.send_downlinks(rows(7)), file=shown, ascii=True))) == 7
    assert "0/7" in shown.getvalue() and "7/7" in shown.getvalue()


def test_tqdm_shows_how_many_downlinks_have_ended_of_an_async_run(service: Service) -> None:
    shown = io.StringIO()

    async def main() -> int:
        async with AsyncClient(**service.settings()) as client:
            return len([sent async for sent in tqdm_async(client.send_downlinks(rows(7)), file=shown, ascii=True)])

    assert asyncio.run(main()) == 7
    assert "7/7" in shown.getvalue()


def test_an_item_past_its_time_is_not_sent(service: Service) -> None:
    sent = send(Client, service.settings(), [row(1), row(2, not_after="2126-01-01T00:00:00Z")], not_after=" 2020-01-01T00:00:00Z ")
    assert {one.index: one.outcome for one in sent} == {0: "not_sent", 1: "accepted"}
    assert "not_after" in str(next(one.error for one in sent if one.index == 0))


def test_items_are_rows_too(service: Service) -> None:
    service.answers = lambda request: (400, b"{}") if service.asked("/downlinks") <= 1 and request.path == PATH else None
    first = send(Client, service.settings(), rows(3), window=1)
    again = send(Client, service.settings(), [one.item for one in first if one.outcome == "not_sent"])
    assert [one.item.reference for one in again] == ["valve-0"] and outcomes(again) == {"accepted": 1}
    assert BulkItem(rows(1)[0]) == first[0].item or first[0].item.reference != "valve-0"


def test_a_signal_handler_may_use_the_ledger_meanwhile(service: Service, tmp_path: Path) -> None:
    ledger, counts = Ledger(tmp_path / "run.db"), []

    def look(*_: object) -> None:
        counts.append(ledger.jobs()[0].counts)

    def ring(request: Request) -> None:
        if request.path == PATH and service.asked("/downlinks") == 3:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            deadline = time.monotonic() + PATIENCE
            while not counts and time.monotonic() < deadline:
                time.sleep(0.005)

    before = signal.signal(signal.SIGUSR1, look)
    try:
        service.on_request = ring
        with Client(**service.settings()) as client:
            assert outcomes(client.send_downlinks(rows(5), ledger=ledger, window=1)) == {"accepted": 5}
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert counts and counts[0].sending == 1

"""Ledgers by their names: what they show, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from kpn_things import Client, InputError, Ledger, LedgerError

from .service import Service

JOB = "019ab2c4-5d00-7cc3-98c4-dc0c0c07398f"
PASSWORD = "canary-password-0123456789"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgres://me:{PASSWORD}@127.0.0.1:1/things", "postgres://me@127.0.0.1:1/things"),
        (f"postgresql://me:{PASSWORD}/?@127.0.0.1:1/things", "postgresql://me@127.0.0.1:1/things"),
        (f"postgres://127.0.0.1:1/things?user=me&password={PASSWORD}", "postgres://127.0.0.1:1/things?user=me"),
        (f"postgres://127.0.0.1:1/things?password={PASSWORD}", "postgres://127.0.0.1:1/things"),
        ("postgres://me@127.0.0.1:1/things", "postgres://me@127.0.0.1:1/things"),
        ("postgres://127.0.0.1:1/things?application_name=me@here", "postgres://127.0.0.1:1/things?application_name=me@here"),
    ],
)
def test_the_password_of_a_url_is_not_shown(url: str, shown: str, service: Service) -> None:
    ledger = Ledger(url)
    assert ledger.name == shown and repr(ledger) == f"Ledger({shown!r})"
    data = pickle.dumps(ledger)
    assert PASSWORD.encode() not in data and pickle.loads(data) == ledger
    row = {"dev_eui": "0059AC0000181EB6", "port": 1, "hex": "01"}
    with Client(**service.settings()) as client:
        for use in (ledger.jobs, lambda: list(client.send_downlinks([row], ledger=ledger))):
            with pytest.raises(LedgerError) as caught:
                use()
            assert PASSWORD not in str(caught.value) and PASSWORD.encode() not in pickle.dumps(caught.value)
    assert not service.asked("/downlinks")


def test_a_path_is_a_path(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a@b:c.db")
    assert ledger.name == str(tmp_path / "a@b:c.db") and ledger == Ledger(ledger.name) and hash(ledger) == hash(Ledger(ledger.name))
    assert ledger.jobs() == [] and list(tmp_path.iterdir()) == [], "looking at a ledger creates none"


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    for use in (
        lambda: ledger.job(JOB),
        lambda: list(ledger.items(JOB)),
        lambda: ledger.resolve(JOB, 0, "accepted"),
        lambda: ledger.remove(JOB),
    ):
        with pytest.raises(LedgerError) as caught:
            use()
        assert caught.value.hint
    with pytest.raises(LedgerError, match="is not the id of a job"):
        ledger.job("7")


def test_states_and_outcomes_are_checked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run.db")
    with pytest.raises(InputError, match='state is "sent": pass one of "pending"'):
        list(ledger.items(JOB, state="sent"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match='outcome is "unknown": pass "accepted" or "not_sent"'):
        ledger.resolve(JOB, 0, "unknown")  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [None, "accepted", "not_sent", "unknown"])
def test_items_are_read_in_their_order_however_many_there_are(state: str | None, service: Service, tmp_path: Path) -> None:
    service.answers = lambda request: (400, b"{}") if "valve-7&" in f"{request.target}&" else None
    rows = [{"dev_eui": "0059AC0000181EB6", "port": 1, "hex": "01", "reference": f"valve-{number}"} for number in range(1_203)]
    ledger = Ledger(tmp_path / "run.db")
    with Client(**service.settings()) as client:
        run = client.send_downlinks(rows, ledger=ledger, window=64)
        assert len(list(run)) == 1_203
    assert run.job
    found = [item.index for item in ledger.items(run.job, state=state)]  # type: ignore[arg-type]
    expected = {None: 1_203, "accepted": 1_202, "not_sent": 1, "unknown": 0}[state]
    assert len(found) == expected and found == sorted(found)
    for item in ledger.items(run.job, state="not_sent"):
        assert (item.index, item.status, item.tries, item.resumable, item.item.reference) == (7, 400, 1, False, "valve-7")
        assert item.claimed and item.ended and item.claimed <= item.ended and item.detail

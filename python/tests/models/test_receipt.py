"""The receipt of a downlink."""

from __future__ import annotations

import pytest

from kpn_things import Receipt
from kpn_things.testing import Simulator


def test_a_receipt_tells_what_the_service_answered() -> None:
    with Simulator(faults=["downlinks@1=status:503,Retry-After:0"]) as simulator, simulator.client() as client:
        receipt = client.send_downlink("0059AC0000181EB6", b"\x01", port=1, external_reference="valve-42")
    assert receipt.status == 201
    assert receipt.headers["Content-Type"].startswith("application/")
    assert receipt.body["externalReference"] == "valve-42"
    assert receipt.external_reference == "valve-42"
    assert receipt.attempts == 2


@pytest.mark.parametrize(
    ("answer", "body"),
    [("204", None), ("200,body:[1\\,null]", [1, None]), ("200,body:taken", b"taken"), ("202,body:\\,", b",")],
)
def test_the_body_is_plain_data_or_bytes_or_none(answer: str, body: object) -> None:
    with Simulator(faults=[f"downlinks=status:{answer}"]) as simulator, simulator.client() as client:
        receipt = client.send_downlink("0059AC0000181EB6", b"\x01", port=1)
    assert receipt.body == body


def test_what_is_not_given_has_a_default() -> None:
    receipt = Receipt(201)
    assert (receipt.body, receipt.external_reference, receipt.attempts) == (None, None, 1)


def test_a_dict_has_all_fields() -> None:
    receipt = Receipt(201, {"state": "Pending"}, "valve-42", 2)
    assert receipt.to_dict() == {
        "status": 201,
        "headers": {},
        "body": {"state": "Pending"},
        "external_reference": "valve-42",
        "attempts": 2,
    }


def test_the_repr_shows_no_body_and_little_of_a_long_reference() -> None:
    assert repr(Receipt(201, {"secret": 1}, "valve 'α'")) == "Receipt(status=201, external_reference=\"valve 'α'\")"
    assert repr(Receipt(201)) == "Receipt(status=201, external_reference=None)"
    assert len(repr(Receipt(201, None, "x" * 1_000_000))) < 150


def test_a_receipt_has_a_hash_whatever_its_body() -> None:
    assert hash(Receipt(201, {"a": []})) == hash(Receipt(201, {"a": []}))


def test_receipts_are_matched_by_status_body_and_reference() -> None:
    match Receipt(201, {"state": "Pending"}, "valve-42"):
        case Receipt(201, {"state": state}, reference):
            assert (state, reference) == ("Pending", "valve-42")
        case _:
            pytest.fail("no match")

"""A fleet: a sequence of devices."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from kpn_things import Device, Fleet, ListingReport, Proof


def device(uuid: str) -> Device:
    return Device.from_json(f'{{"uuid":"{uuid}"}}')


def fleet(*uuids: str) -> Fleet:
    return Fleet(map(device, uuids), pages=1, total_elements=9)


def test_a_fleet_is_a_sequence() -> None:
    some = fleet("a", "b", "a")
    assert isinstance(some, Sequence)
    assert len(some) == 3
    assert some[0] == device("a")
    assert some[-2] == device("b")
    assert some[1:] == (device("b"), device("a"))
    assert list(some) == [some[0], some[1], some[2]]
    assert list(reversed(some)) == [some[2], some[1], some[0]]
    assert device("b") in some
    assert device("c") not in some
    assert some.index(device("a")) == 0
    assert some.index(device("a"), 1) == 2
    assert some.count(device("a")) == 2
    assert random.choice(some) in some
    with pytest.raises(IndexError):
        some[3]
    with pytest.raises(ValueError, match="not in"):
        some.index(device("c"))
    with pytest.raises(ValueError, match="not in"):
        some.index(device("a"), 1, 2)


def test_a_fleet_is_true_if_it_has_devices() -> None:
    assert fleet("a")
    assert not fleet()


def test_it_says_how_many_devices_the_service_told() -> None:
    assert fleet("a").total_elements == 9
    assert Fleet([], 0).total_elements is None
    assert fleet("a").pages == 1
    assert fleet("a").devices == (device("a"),)


def test_it_holds_a_report_and_perhaps_a_proof() -> None:
    assert fleet("a", "b").report == ListingReport(2, total_elements=9)
    assert fleet("a").proof is None
    proven = Fleet([device("a")], 1, 1, ListingReport(1, 2, 1), Proof(7))
    assert (proven.report, proven.proof) == (ListingReport(1, 2, 1), Proof(7))
    assert proven.report is proven.report


def test_fleets_are_equal_if_all_of_them_is() -> None:
    report, proof = ListingReport(1, 2, 1), Proof(7)
    proven = Fleet([device("a")], 1, 1, report, proof)
    assert proven == Fleet([device("a")], 1, 1, ListingReport(1, 2, 1), Proof(7))
    assert hash(proven) == hash(Fleet([device("a")], 1, 1))
    for other in (
        Fleet([device("b")], 1, 1, report, proof),
        Fleet([device("a")], 2, 1, report, proof),
        Fleet([device("a")], 1, 2, report, proof),
        Fleet([device("a")], 1, 1, ListingReport(1), proof),
        Fleet([device("a")], 1, 1, report, Proof(8)),
        Fleet([device("a")], 1, 1, report),
    ):
        assert other != proven


def test_the_repr_counts_and_does_not_list() -> None:
    assert repr(fleet("a", "b")) == "Fleet(devices=2, pages=1, total_elements=9)"
    proven = Fleet([device("a")], 7, 1, proof=Proof(7))
    assert repr(proven) == "Fleet(devices=1, pages=7, total_elements=1, proof=Proof(requests=7, repairs=0))"


def test_fleets_are_matched_as_sequences_and_by_their_fields() -> None:
    match fleet("a", "b"):
        case [first, *rest]:
            assert (first, rest) == (device("a"), [device("b")])
        case _:
            pytest.fail("no match")
    match fleet("a", "b"):
        case Fleet(devices, 1, total):
            assert (len(devices), total) == (2, 9)
        case _:
            pytest.fail("no match")

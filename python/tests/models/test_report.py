"""Completeness of a listing: its report and, for a verified one, its proof."""

from __future__ import annotations

import pytest

from kpn_things import ListingReport, Proof

UNCLEAN = ListingReport(48, 12, 60, (58, 61))


def test_a_report_says_what_was_noticed() -> None:
    assert (UNCLEAN.devices, UNCLEAN.doubles, UNCLEAN.total_elements, UNCLEAN.moved_totals) == (48, 12, 60, (58, 61))
    assert (UNCLEAN.missing, UNCLEAN.is_clean) == (12, False)
    assert str(UNCLEAN) == (
        "12 devices listed twice, 12 fewer listed than the 60 that the service counts, the total changed between 58 and 61"
    )


def test_a_report_is_clean_if_all_fits() -> None:
    for report in (ListingReport(0), ListingReport(60, total_elements=60), ListingReport(61, total_elements=60)):
        assert (report.missing, report.is_clean, str(report)) == (0, True, "")


@pytest.mark.parametrize("report", [ListingReport(49, 12, 60, (58, 61)), ListingReport(48, 11, 60, (58, 61)),
                                    ListingReport(48, 12, 61, (58, 61)), ListingReport(48, 12, 60), None])
def test_reports_are_equal_if_all_of_them_is(report: ListingReport | None) -> None:
    assert report != UNCLEAN
    assert ListingReport(48, 12, 60, (58, 61)) == UNCLEAN
    assert len({UNCLEAN, ListingReport(48, 12, 60, (58, 61)), report}) == 2


def test_proofs_are_equal_if_all_of_them_is() -> None:
    assert Proof(7, 1) == Proof(7, 1) != Proof(7)
    assert len({Proof(7, 1), Proof(7, 1), Proof(7), Proof(8, 1)}) == 3


def test_the_repr_makes_the_same_again() -> None:
    for model in (UNCLEAN, ListingReport(3), Proof(7, 1)):
        assert eval(repr(model)) == model
    assert repr(ListingReport(3)) == "ListingReport(devices=3, doubles=0, total_elements=None, moved_totals=None, skipped=0)"
    assert repr(Proof(7, 1)) == "Proof(requests=7, repairs=1)"


def test_both_are_written_as_a_dict() -> None:
    assert UNCLEAN.to_dict() == {
        "devices": 48,
        "doubles": 12,
        "total_elements": 60,
        "moved_totals": (58, 61),
        "skipped": 0,
        "missing": 12,
        "is_clean": False,
    }
    assert Proof(7, 1).to_dict() == {"requests": 7, "repairs": 1}


def test_both_are_matched_by_their_fields_and_cannot_be_changed() -> None:
    match UNCLEAN, Proof(7, 1):
        case ListingReport(devices, 12, _, (least, _)), Proof(requests, repairs):
            assert (devices, least, requests, repairs) == (48, 58, 7, 1)
        case _:
            pytest.fail("no match")
    with pytest.raises(AttributeError):
        UNCLEAN.doubles = 0  # type: ignore[misc]

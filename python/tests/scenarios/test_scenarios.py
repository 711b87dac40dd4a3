"""The corpus of scenarios, with `Client` and with `AsyncClient`."""

from __future__ import annotations

import pytest

from .caller import AsyncCaller, BlockingCaller, Caller
from .driver import run
from .scenario import CORPUS, Scenario

NAMES = sorted(path.stem for path in CORPUS.glob("*.json"))
CLIENTS = [pytest.param(BlockingCaller, id="client"), pytest.param(AsyncCaller, id="async_client")]


NOT_YET = {
    "byte_order_mark_is_skipped_in_every_response",
    "compressed_responses_are_read",
    "compression_that_is_not_known_is_named",
    "downlink_whose_senml_spells_its_device_otherwise_is_sent",
    "downlink_without_a_reference_gets_one_unless_there_must_be_none",
    "listing_from_a_later_page_reports_what_is_missing_there",
    "listing_starts_at_a_later_page",
    "receipt_shows_the_headers_of_the_response_but_no_token",
    "security_context_echoed_by_the_service_is_cut_out",
    "senml_records_of_ones_own_are_sent_as_they_are",
    "values_that_are_not_interpreted_keep_their_digits",
    "verified_listing_cannot_start_at_a_later_page",
}
"""Scenarios that need what the binding does not have yet: generated references, headers of receipts, a first page."""


def test_the_corpus_is_there() -> None:
    assert NAMES


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.xfail(strict=True) if name in NOT_YET else ()) for name in NAMES],
)
def test_scenario(name: str, kind: type[Caller]) -> None:
    run(Scenario.load(name), kind)

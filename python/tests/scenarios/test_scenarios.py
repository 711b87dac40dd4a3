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
    "security_context_echoed_by_the_service_is_cut_out",
    "senml_records_of_ones_own_are_sent_as_they_are",
    "values_that_are_not_interpreted_keep_their_digits",
}
"""Scenarios that need the generated reference of a downlink, which the binding does not request yet."""


def test_the_corpus_is_there() -> None:
    assert NAMES


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.xfail(strict=True) if name in NOT_YET else ()) for name in NAMES],
)
def test_scenario(name: str, kind: type[Caller]) -> None:
    run(Scenario.load(name), kind)

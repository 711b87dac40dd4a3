"""A call with any argument sends its request, or raises before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpn_things import Client, Device, Fleet, InputError, KpnThingsError, Page, Receipt, Response
from kpn_things.testing import Simulator

from .examples import ANYTHING, JSON, attempt, examples

RECORD = st.fixed_dictionaries(
    {"n": st.text(max_size=8) | st.sampled_from(["open", "a:b"])},
    optional={"bn": st.just("urn:dev:x:") | JSON, "own": ANYTHING, **dict.fromkeys(["v", "vs", "vb", "vd", "u"], JSON)},
)
NAMES_OF_DEVICES = st.sampled_from(
    ["0059AC0000181EB6", "00-59-ac-00-00-18-1e-b6", "urn:dev:IMEI:490154203237518:", "urn:"]
)
WAIT = st.none() | st.floats() | st.integers()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=3) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def client(simulator: Simulator) -> Iterator[Client]:
    with simulator.client() as client:
        yield client


def sent_or_refused(simulator: Simulator, came: Any, before: int, *results: type) -> None:
    """Fails if a request was sent although its arguments were refused."""
    assert isinstance(came, (*results, KpnThingsError, TypeError, ValueError)), repr(came)
    refused = isinstance(came, InputError) or not isinstance(came, (*results, KpnThingsError))
    assert not refused or simulator.calls() == before, repr(came)


@examples
@given(st.lists(RECORD, max_size=3) | ANYTHING, st.none() | NAMES_OF_DEVICES | ANYTHING, st.none() | ANYTHING)
def test_any_records_are_sent_or_refused(
    client: Client, simulator: Simulator, records: Any, device: Any, port: Any
) -> None:
    before = simulator.calls()
    came = attempt(lambda: client.send_senml(records, device=device, port=port))
    sent_or_refused(simulator, came, before, Receipt)


@examples
@given(
    dev_eui=NAMES_OF_DEVICES | ANYTHING,
    payload=st.binary(max_size=3) | ANYTHING,
    port=st.integers(1, 3) | ANYTHING,
    reference=st.none() | ANYTHING,
)
@example(dev_eui="0059AC0000181EB6", payload=memoryview(b"abcd")[::2], port=1, reference=None)
def test_any_downlink_is_sent_or_refused(
    client: Client, simulator: Simulator, dev_eui: Any, payload: Any, port: Any, reference: Any
) -> None:
    before = simulator.calls()
    came = attempt(lambda: client.send_downlink(dev_eui, payload, port=port, external_reference=reference))
    sent_or_refused(simulator, came, before, Receipt)


@examples
@given(
    st.sampled_from(["GET", "POST", "PUT"]) | ANYTHING,
    st.sampled_from(["/api/devices", "/x?a=b"]) | ANYTHING,
    st.fixed_dictionaries({}, optional=dict.fromkeys(["params", "headers", "json", "content"], ANYTHING)),
)
def test_any_raw_call_is_made_or_refused(
    client: Client, simulator: Simulator, method: Any, path: Any, given: dict[str, Any]
) -> None:
    before = simulator.calls()
    came = attempt(lambda: client.request(method, path, **given))
    sent_or_refused(simulator, came, before, Response)


@examples
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["search", "sort_by", "descending", "page_size", "window", "timeout", "deadline"], ANYTHING)
    )
)
@example({"timeout": 10**400})
@example({"window": 2**64})
def test_any_listing_is_made_or_refused(client: Client, simulator: Simulator, given: dict[str, Any]) -> None:
    before = simulator.calls()
    came = attempt(lambda: client.devices(**given).collect())
    sent_or_refused(simulator, came, before, Fleet)


@examples
@given(ANYTHING, WAIT)
def test_any_customer_and_any_time_are_taken_or_refused(
    client: Client, simulator: Simulator, customer: Any, timeout: Any
) -> None:
    before = simulator.calls()
    sent_or_refused(simulator, attempt(lambda: client.context_switch(customer, timeout=timeout)), before, object)
    attempt(lambda: client.for_customer(customer))


@examples
@given(ANYTHING)
def test_anything_is_a_page_or_a_device_or_refused(text: Any) -> None:
    assert isinstance(attempt(lambda: Page.from_json(text)), (Page, KpnThingsError, TypeError, ValueError))
    assert isinstance(attempt(lambda: Device.from_json(text)), (Device, KpnThingsError, TypeError, ValueError))

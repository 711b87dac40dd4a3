"""Types of the public API. Mypy checks this file, and the file also runs, so types and values are both compared."""

from __future__ import annotations

import array
import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from typing_extensions import assert_never, assert_type

from kpn_things import (
    AsyncClient,
    AsyncDevices,
    AsyncListing,
    AsyncVerifiedDevices,
    AuthError,
    Client,
    ConnectError,
    Device,
    Devices,
    Fleet,
    Headers,
    IncompleteError,
    KpnThingsError,
    Listing,
    ListingReport,
    Page,
    Proof,
    Receipt,
    Response,
    VerifiedDevices,
)
from kpn_things.testing import ReceivedDownlink, ReceivedRequest, Simulator

DEV_EUI = "0059AC0000181EB6"
ACCEPT = {"Accept": "application/vnd.kpnthings.device.v1.response+json"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=3) as simulator:
        assert_type(simulator, Simulator)
        yield simulator


def test_a_client(simulator: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "kpn.json"
    file.write_text(simulator.postman_environment())
    assert_type(Client.from_env(simulator.environment(), timeout=5, customer_id=None), Client)
    assert_type(Client.from_postman_environment(file, max_attempts=1), Client)
    assert_type(Client.from_postman_environment(str(file)), Client)
    with simulator.client() as client:
        assert_type(client, Client)
        assert_type(client.for_customer(simulator.customers[0]), Client)
        assert_type(client.devices(), Devices)
        assert_type(client.devices().collect(), Fleet)
        assert_type(client.devices().pages(), Listing[Page])
        for device in client.devices(search="a", sort_by="name", descending=True, page_size=2, window=1, timeout=5, deadline=60):
            assert_type(device, Device)
        assert_type(client.devices(strict=True).verified(), VerifiedDevices)
        assert_type(client.devices().verified().collect(), Fleet)
        assert_type(client.devices().verified().batches(), Listing[tuple[Device, ...]])
        listing = iter(client.devices().verified())
        assert_type(next(listing), Device)
        assert_type(listing.report, ListingReport)
        assert_type(listing.proof, "Proof | None")
        assert_type(client.send_downlink(DEV_EUI, b"\x01", port=1, external_reference="a", timeout=5), Receipt)
        assert_type(client.send_senml([{"n": "a", "v": 1}], device=DEV_EUI), Receipt)
        assert_type(client.request("GET", "/api/devices", params={"pageSize": 1}, headers=ACCEPT), Response)
        assert_type(client.context_switch(simulator.customers[0]), Any)


def test_an_async_client(simulator: Simulator) -> None:
    async def main() -> None:
        async with simulator.async_client() as client:
            assert_type(client, AsyncClient)
            assert_type(client.for_customer(simulator.customers[0]), AsyncClient)
            assert_type(client.devices(), AsyncDevices)
            assert_type(await client.devices().collect(), Fleet)
            assert_type(client.devices().pages(), AsyncListing[Page])
            async for device in client.devices():
                assert_type(device, Device)
            assert_type(client.devices(strict=True).verified(), AsyncVerifiedDevices)
            assert_type(await client.devices().verified().collect(), Fleet)
            assert_type(client.devices().verified().batches(), AsyncListing[tuple[Device, ...]])
            async for device in client.devices().verified():
                assert_type(device, Device)
            sending = client.send_downlink(DEV_EUI, b"\x01", port=1)
            task = asyncio.create_task(assert_type(sending, Coroutine[Any, Any, Receipt]))
            assert_type(task, "asyncio.Task[Receipt]")
            assert_type(await task, Receipt)
            assert_type(await client.send_senml([{"n": "a", "v": 1}], device=DEV_EUI), Receipt)
            assert_type(await client.request("GET", "/api/devices", headers=ACCEPT), Response)
            assert_type(await client.context_switch(simulator.customers[0]), Any)

    asyncio.run(main())


def test_models() -> None:
    device = Device.from_json(b'{"uuid":"a"}')
    assert_type(device, Device)
    assert_type(device.uuid, str)
    assert_type(device.name, str)
    assert_type(device.description, "str | None")
    assert_type(device.metadata, Any)
    assert_type(device.device_specification_uuid, "str | None")
    assert_type(device.barcode, "str | None")
    assert_type(device.extra, dict[str, Any])
    assert_type(device.to_dict(), dict[str, Any])

    page = Page.from_json('{"content":[{"uuid":"a"}]}')
    assert_type(page.devices, tuple[Device, ...])
    assert_type(page.number, "int | None")
    assert_type(page.total_elements, "int | None")
    assert_type(page.last, bool)
    assert_type(page[0], Device)
    assert_type(page[0:1], tuple[Device, ...])
    assert_type(list(page), list[Device])

    fleet = Fleet([device], 1)
    assert_type(fleet.devices, tuple[Device, ...])
    assert_type(fleet.pages, int)
    assert_type(fleet.total_elements, "int | None")
    assert_type(fleet.report, ListingReport)
    assert_type(fleet.report.moved_totals, "tuple[int, int] | None")
    assert_type(fleet.proof, "Proof | None")
    assert_type(Fleet([device], 1, 1, ListingReport(1), Proof(1)).proof, "Proof | None")
    assert_type(fleet[0], Device)
    assert_type(fleet[0:1], tuple[Device, ...])
    assert_type([one.name for one in fleet], list[str])
    sequence: Sequence[Device] = fleet
    assert_type(sequence.index(device), int)

    receipt = Receipt(201)
    assert_type(receipt.status, int)
    assert_type(receipt.body, Any)
    assert_type(receipt.external_reference, "str | None")
    assert_type(receipt.attempts, int)

    response = Response(200, b"{}")
    assert_type(response.content, bytes)
    assert_type(response.text, str)
    assert_type(response.headers, Headers)
    assert_type(response.json(), Any)
    assert_type(response.elapsed, float)


def test_models_are_matched_by_type() -> None:
    match Device.from_json('{"uuid":"a","name":"b"}'):
        case Device(uuid, name):
            assert_type(uuid, str)
            assert_type(name, str)
    match Receipt(201, None, "valve-42"):
        case Receipt(status, _, reference):
            assert_type(status, int)
            assert_type(reference, "str | None")


def test_errors() -> None:
    error = KpnThingsError("what happened")
    assert_type(error.hint, "str | None")
    assert_type(error.method, "str | None")
    assert_type(error.url, "str | None")
    assert_type(error.status, "int | None")
    assert_type(error.body, Any)
    assert_type(error.retry_after, "float | None")
    assert_type(error.attempts, int)
    assert_type(error.elapsed, float)
    assert_type(error.stage, Literal["prepare", "token", "context_switch", "call"])
    assert_type(error.gave_up_because, "str | None")
    assert_type(error.outcome, 'Literal["not_sent", "unknown"] | None')
    if error.outcome == "unknown":
        pytest.fail("unknown, although nothing was sent")
    elif error.outcome == "not_sent":
        pytest.fail("not_sent, although this is not a downlink")
    elif error.outcome is not None:
        assert_never(error.outcome)
    refused: PermissionError = AuthError("what happened")
    broken: ConnectionError = ConnectError("what happened")
    assert isinstance(refused, KpnThingsError)
    assert isinstance(broken, KpnThingsError)


def test_the_simulator(simulator: Simulator) -> None:
    assert_type(simulator.url, str)
    assert_type(simulator.environment(), dict[str, str])
    assert_type(simulator.client(timeout=5), Client)
    assert_type(simulator.async_client(timeout=5), AsyncClient)
    assert_type(simulator.add_device("Valve", metadata={"a": 1}, eui=DEV_EUI), str)
    assert_type(simulator.downlinks, tuple[ReceivedDownlink, ...])
    assert_type(simulator.requests, tuple[ReceivedRequest, ...])
    assert_type(simulator.calls("token"), int)
    downlink = ReceivedDownlink((), None, None, None)
    assert_type(downlink.payload, "bytes | None")
    assert_type(downlink.dev_eui, "str | None")
    assert_type(downlink.records, tuple[dict[str, Any], ...])


def test_what_holds_bytes_is_a_payload(simulator: Simulator) -> None:
    with simulator.client() as client:
        for payload in (b"\x01", bytearray(b"\x01"), memoryview(b"\x01"), array.array("B", [1])):
            assert_type(client.send_downlink(DEV_EUI, payload, port=1), Receipt)


if TYPE_CHECKING:
    # Each line has a mistake. If a type checker misses it, the unused `ignore` is an error.

    def mistakes(client: Client, simulator: Simulator, device: Device) -> None:
        Client("rjsfm52t")  # type: ignore[call-arg]
        Client(tenent_id="rjsfm52t")  # type: ignore[call-arg]
        Client(timeout="5")  # type: ignore[arg-type]
        Client.from_env(tenent_id="rjsfm52t")  # type: ignore[call-arg]
        Client.from_env(timeout="5")  # type: ignore[arg-type]
        Client.from_env({"KPN_THINGS_KEY_ID": 7})  # type: ignore[dict-item]
        client.send_downlink(DEV_EUI, "0102", port=1)  # type: ignore[arg-type]
        client.send_downlink(DEV_EUI, b"\x01")  # type: ignore[call-arg]
        client.send_downlink(DEV_EUI, b"\x01", 1)  # type: ignore[call-arg]
        client.send_downlink(DEV_EUI, b"\x01", port="1")  # type: ignore[arg-type]
        client.send_senml({"n": "a", "v": 1}, device=DEV_EUI)  # type: ignore[arg-type]
        client.devices("Parking")  # type: ignore[call-arg]
        client.request("GET", "/", params={"ids": {"a", "b"}})  # type: ignore[arg-type]
        client.request("POST", "/", content="a,b")  # type: ignore[arg-type]
        device.name = "other"  # type: ignore[misc]
        device.eui  # type: ignore[attr-defined]
        simulator.calls("device")  # type: ignore[arg-type]
        simulator.add_fault(7)  # type: ignore[arg-type]

    class NoSubclass(Device):  # type: ignore[misc]
        """Models are final."""

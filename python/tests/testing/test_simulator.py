"""The simulator in a user's tests."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from kpn_things import (
    AuthError,
    Client,
    DownlinkOutcomeUnknown,
    ForbiddenError,
    ListingError,
    NotFoundError,
    RequestTimeoutError,
    ServerError,
    testing,
)
from kpn_things.testing import ReceivedDownlink, ReceivedRequest, Simulator

DEV_EUI = "0059AC0000181EB6"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=3) as simulator:
        yield simulator


def test_a_client_of_it_lists_its_devices(simulator: Simulator) -> None:
    with simulator.client(timeout=5) as client:
        assert len(client.devices().collect()) == simulator.device_count == 3


def test_an_async_client_of_it_lists_its_devices(simulator: Simulator) -> None:
    async def count() -> int:
        async with simulator.async_client(timeout=5) as client:
            return len(await client.devices().collect())

    assert asyncio.run(count()) == 3


def test_its_environment_points_a_client_at_it(simulator: Simulator) -> None:
    environment = simulator.environment()
    assert all(name.startswith("KPN_THINGS_") for name in environment)
    assert environment["KPN_THINGS_BASE_URL"] == simulator.url
    with Client.from_env(environment) as client:
        assert len(client.devices().collect()) == 3


def test_its_postman_environment_points_a_client_at_it(simulator: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "kpn.json"
    file.write_text(simulator.postman_environment(), encoding="utf-8")
    with Client.from_postman_environment(file) as client:
        assert len(client.devices().collect()) == 3


def test_equal_seeds_make_equal_devices() -> None:
    def devices(seed: int) -> list[str]:
        with Simulator(devices=5, seed=seed) as simulator, simulator.client() as client:
            return [device.uuid for device in client.devices()]

    assert devices(7) == devices(7) != devices(8)


def test_a_downlink_is_received_as_it_was_sent(simulator: Simulator) -> None:
    with simulator.client() as client:
        client.send_downlink(DEV_EUI.lower(), b"\x01\xff", port=7, external_reference="valve 42")
    [downlink] = simulator.downlinks
    assert downlink.payload == b"\x01\xff"
    assert downlink.dev_eui == DEV_EUI
    assert downlink.device == f"urn:dev:DEVEUI:{DEV_EUI}:"
    assert (downlink.port, downlink.external_reference, downlink.customer_id) == (7, "valve 42", None)


def test_records_of_ones_own_are_received_as_they_were_sent(simulator: Simulator) -> None:
    with simulator.client() as client:
        client.send_senml([{"n": "setpoint", "v": 21.5}], device="urn:dev:IMEI:490154203237518:")
    [downlink] = simulator.downlinks
    assert downlink.records == ({"bn": "urn:dev:IMEI:490154203237518:", "n": "setpoint", "v": 21.5},)
    assert downlink.payload is None
    assert downlink.dev_eui is None
    assert downlink.port is None


def test_a_downlink_for_a_sub_customer_names_it(simulator: Simulator) -> None:
    [customer] = simulator.customers
    with simulator.client() as client:
        client.for_customer(customer).send_downlink(DEV_EUI, b"\x01", port=1)
    assert simulator.downlinks[0].customer_id == customer


def test_what_was_received_is_immutable_and_compares_by_value(simulator: Simulator) -> None:
    with simulator.client() as client:
        for _ in range(2):
            client.send_downlink(DEV_EUI, b"\x01", port=1, external_reference="")
    one, other = simulator.downlinks
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(FrozenInstanceError):
        one.port = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        simulator.requests[0].method = "PUT"  # type: ignore[misc]


def test_the_repr_of_a_downlink_does_not_show_its_payload() -> None:
    downlink = ReceivedDownlink(({"bn": "urn:x:", "n": "payloadHex", "vs": "c0ffee"},), 1, "valve-42", None)
    assert repr(downlink) == "ReceivedDownlink(port=1, external_reference='valve-42', customer_id=None)"


def test_requests_are_kept_in_their_order_with_secrets_masked(simulator: Simulator) -> None:
    with simulator.client() as client:
        client.devices(search="Café & more", page_size=2).collect()
    token, page = simulator.requests
    assert (token.method, token.header("content-type")) == ("POST", "application/json")
    assert (page.method, page.path) == ("GET", "/api/devices")
    assert page.query == {"currentPage": "0", "pageSize": "2", "search": "Café & more", "sortBy": "uuid"}
    assert page.header("AUTHORIZATION") == "Bearer ***"
    assert page.header("x-client-id") is None
    assert page == ReceivedRequest("GET", page.target, page.headers)


def test_calls_are_counted_by_route(simulator: Simulator) -> None:
    with simulator.client() as client:
        client.devices().collect()
        client.send_downlink(DEV_EUI, b"\x01", port=1)
    assert [simulator.calls(route) for route in ("token", "devices", "downlinks", "context-switch")] == [1, 1, 1, 0]
    assert simulator.calls() == 3
    with pytest.raises(ValueError, match="context-switch"):
        simulator.calls("device")  # type: ignore[arg-type]


def test_faults_are_there_from_the_start_can_be_added_and_taken_away() -> None:
    with Simulator(devices=1, faults=["devices=status:500"]) as simulator, simulator.client(max_attempts=1) as client:
        with pytest.raises(ServerError):
            client.devices().collect()
        simulator.clear_faults()
        client.devices().collect()
        simulator.add_fault("downlinks@1=drop-after")
        with pytest.raises(DownlinkOutcomeUnknown):
            client.send_downlink(DEV_EUI, b"\x01", port=1)
    assert len(simulator.downlinks) == 1


@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        ("", "ROUTE"),
        ("devices", "ROUTE"),
        ("planets=stall", "context-switch"),
        ("devices@0=stall", "every-10"),
        ("devices=explode", "drop-before"),
    ],
)
def test_what_is_not_a_fault_is_refused_with_what_is(fault: str, hint: str, simulator: Simulator) -> None:
    with pytest.raises(ValueError, match=hint):
        simulator.add_fault(fault)
    with pytest.raises(ValueError, match=hint):
        Simulator(faults=[fault])


def test_one_fault_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match="list"):
        Simulator(faults="devices=stall")


def test_every_fault_of_the_documentation_is_one(simulator: Simulator) -> None:
    faults = documented("    FAULT ", "\n\n")
    assert len(faults) == 20
    uplink_faults = documented("Its faults are:", "A change of")
    assert len(uplink_faults) == 5
    for fault in uplink_faults:
        simulator.add_fault(f"uplink={fault}")
    for fault in faults:
        simulator.add_fault(f"devices={fault.replace('SHAPE', 'spring').replace('NAME', 'utf-8')}")


def test_one_fault_can_be_removed(simulator: Simulator) -> None:
    simulator.add_fault("token=refuse:oauth,200")
    with simulator.client(max_attempts=1) as client:
        with pytest.raises(AuthError):
            client.devices().collect()
    assert simulator.remove_fault("token=refuse:oauth,200")
    assert not simulator.remove_fault("token=refuse:oauth,200")
    with simulator.client() as client:
        assert len(client.devices().collect()) == 3


def test_every_change_of_the_documentation_is_one(simulator: Simulator) -> None:
    changes = documented("    CHANGE ", "\n\n")
    assert len(changes) == 9
    for change in changes:
        simulator.add_change(f"always={change}")


def test_every_quirk_of_the_documentation_is_one() -> None:
    quirks = documented("A quirk is", "")
    assert len(quirks) == 20
    with Simulator(quirks=quirks) as simulator:
        assert simulator.device_count == 100


def documented(start: str, end: str) -> list[str]:
    """The terms in backquotes that each line of a table starts with, before its explanation."""
    table = (testing.__doc__ or "").partition(start)[2]
    table = table.partition(end)[0] if end else table
    terms = [line[:45].strip() for line in table.splitlines()]
    texts = [text for term in terms for text in term.split("`")[1::2]]
    return [text.partition("[")[0] for text in texts if text[0].isalpha()]


def test_revoked_tokens_are_fetched_anew(simulator: Simulator) -> None:
    with simulator.client() as client:
        client.devices().collect()
        simulator.revoke_tokens()
        client.devices().collect()
    assert simulator.calls("token") == 2


def test_forgotten_context_switches_are_done_again(simulator: Simulator) -> None:
    [customer] = simulator.customers
    with simulator.client() as client:
        theirs = client.for_customer(customer)
        theirs.devices().collect()
        simulator.forget_context_switches()
        theirs.devices().collect()
    assert simulator.calls("context-switch") == 2


def test_without_access_every_call_is_refused() -> None:
    with Simulator(access=False) as simulator, simulator.client() as client, pytest.raises(AuthError):
        client.devices().collect()


def test_sub_customers_are_those_that_were_given() -> None:
    with Simulator(devices=1, customers={"b": 5, "a": 2}) as simulator, simulator.client() as client:
        assert simulator.customers == ("a", "b")
        assert len(client.for_customer("b").devices().collect()) == 5
        with pytest.raises(ForbiddenError):
            client.for_customer("c").devices().collect()
    with Simulator(customers={}) as simulator:
        assert simulator.customers == ()


def test_a_token_lives_as_long_as_it_is_told() -> None:
    with Simulator(token_life=0) as simulator, simulator.client() as client, pytest.raises(AuthError):
        client.devices().collect()


def test_a_fleet_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "fleet.ndjson"
    file.write_text('{"uuid":"u-1","name":"Pump","iccid":89314404000123456789,"eui":"0059AC0000181EB6"}\n')
    with Simulator(device_file=file, strict_devices=True) as simulator, simulator.client() as client:
        [device] = client.devices()
        assert device["iccid"] == 89314404000123456789
        client.send_downlink("0059AC0000181EB6", b"\x01", port=1)
        with pytest.raises(NotFoundError, match="no device has the DevEUI 0059AC0000181EB7"):
            client.send_downlink("0059AC0000181EB7", b"\x01", port=1)
    with Simulator(devices=2, device_file=str(file)) as simulator:
        assert simulator.device_count == 3


def test_a_wrong_line_of_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.ndjson"
    file.write_text('{"uuid":"u-1"}\n{"uuid":"u-1"}\n')
    with pytest.raises(ValueError, match=r"broken\.ndjson, line 2: the uuid u-1 is also on line 1"):
        Simulator(device_file=file)


def test_too_many_devices_are_refused() -> None:
    with pytest.raises(ValueError, match="5000001 devices are too many"):
        Simulator(devices=5_000_001)


def test_the_wrong_part_of_a_rule_is_marked() -> None:
    with pytest.raises(ValueError) as caught:
        Simulator(faults=["downlinks@2=drop-aftr"])
    assert str(caught.value).splitlines()[:3] == [
        "unknown fault `drop-aftr`",
        "  downlinks@2=drop-aftr",
        "              ^^^^^^^^^ did you mean `drop-after`?",
    ]


def test_pages_can_be_capped() -> None:
    with Simulator(devices=9, page_size_cap=4) as simulator, simulator.client() as client:
        fleet = client.devices(page_size=100).collect()
    assert (len(fleet), fleet.pages) == (9, 3)


def test_devices_can_change_during_a_listing() -> None:
    with Simulator(devices=100, changes=["always=remove:1"]) as simulator, simulator.client() as client:
        try:
            client.devices(page_size=10, window=1).collect()
        except ListingError:
            pass
        assert simulator.device_count < 100


def test_a_change_can_be_added_later(simulator: Simulator) -> None:
    simulator.add_change("1=add-device:u-9,Late")
    with simulator.client() as client:
        assert "Late" in [device.name for device in client.devices()]


def test_devices_can_be_listed_in_undocumented_ways() -> None:
    with Simulator(quirks=["shared-names:5", "envelope:page-impl"]) as simulator, simulator.client() as client:
        names = [device.name for device in client.devices()]
    assert (len(names), len(set(names))) == (100, 20)


@pytest.mark.parametrize("option", ["changes", "quirks"])
def test_a_change_or_quirk_that_is_none_is_refused(option: str) -> None:
    wrong: dict[str, Any] = {option: ["always=explode"]}
    with pytest.raises(ValueError, match="explode"):
        Simulator(**wrong)
    text: dict[str, Any] = {option: "explode"}
    with pytest.raises(TypeError, match=option):
        Simulator(**text)


def test_devices_are_added_under_the_names_of_the_model(simulator: Simulator) -> None:
    uuid = simulator.add_device(
        "Zürich 7",
        description="roof",
        metadata={"floor": 3, "tags": ["a", None]},
        device_specification_uuid="spec",
        barcode="8712345678906",
        eui=DEV_EUI,
    )
    with simulator.client() as client:
        [device] = client.devices(search="Zürich")
    assert device.to_dict() == {
        "uuid": uuid,
        "name": "Zürich 7",
        "description": "roof",
        "metadata": {"floor": 3, "tags": ["a", None]},
        "deviceSpecificationUUID": "spec",
        "barcode": "8712345678906",
        "eui": DEV_EUI,
    }


def test_devices_are_replaced_and_removed_by_their_uuid(simulator: Simulator) -> None:
    assert simulator.add_device("one", uuid="u-1") == "u-1"
    assert simulator.add_device("other", uuid="u-1") == "u-1"
    assert simulator.device_count == 4
    with simulator.client() as client:
        assert [device.name for device in client.devices(search="o") if device.uuid == "u-1"] == ["other"]
    assert simulator.remove_device("u-1")
    assert not simulator.remove_device("u-1")
    assert simulator.device_count == 3


def test_metadata_that_json_cannot_say_is_refused(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="JSON"):
        simulator.add_device(metadata=float("nan"))
    with pytest.raises(TypeError, match="set"):
        simulator.add_device(metadata={1})
    assert simulator.device_count == 3


def test_the_end_of_the_block_closes_the_port_and_what_stalls() -> None:
    with Simulator(faults=["devices=stall"]) as simulator:
        port = int(simulator.url.rsplit(":", 1)[1])
        with simulator.client(timeout=0.2) as client, pytest.raises(RequestTimeoutError):
            client.devices().collect()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    simulator.stop()


def test_a_port_that_is_taken_is_an_os_error(simulator: Simulator) -> None:
    port = int(simulator.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="could not start the simulator"):
        Simulator(port=port)


def test_the_repr_says_where_it_is_and_holds_no_secret(simulator: Simulator) -> None:
    assert repr(simulator) == f"Simulator(url='{simulator.url}')"
    secret = simulator.environment()["KPN_THINGS_KEY_SECRET"]
    assert secret not in repr(vars(simulator))
    assert json.loads(simulator.postman_environment())["values"][4]["value"] == secret


def test_it_is_not_loaded_before_it_is_asked_for() -> None:
    program = "import sys, kpn_things; print('kpn_things.testing' in sys.modules, 'dataclasses' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True, env=os.environ)
    assert output.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("devices", "3", "devices is of type str: pass an int, such as int(devices)"),
        ("port", 8080.0, "port is of type float: pass an int, such as int(port)"),
        ("token_life", "60", "token_life is of type str: pass a number of seconds"),
        ("page_size_cap", True, "page_size_cap is of type bool: pass an int"),
        ("faults", "devices=stall", "faults is of type str: pass a list of str"),
        ("changes", [5], "changes[0] is of type int: pass a str"),
        ("quirks", 5, "quirks is of type int: pass a list of str"),
    ],
)
def test_an_option_of_a_wrong_type_is_named(name: str, value: object, reason: str) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(TypeError) as caught:
        Simulator(**options)
    assert str(caught.value) == reason

"""An argument of a wrong type is a TypeError that names it and suggests what to pass. Nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest

from kpn_things import Device
from kpn_things.testing import Simulator

DEV_EUI = "0059AC0000181EB6"
DEVICE = Device.from_json('{"uuid":"d-1"}')
RECORDS = [{"n": "open", "vb": True}]

DOWNLINK = {"dev_eui": DEV_EUI, "payload": b"\x01", "port": 1}
SENML = {"records": RECORDS, "device": DEV_EUI}
REQUEST = {"method": "GET", "path": "/nowhere"}


def wrong(call: Callable[..., Any], simulator: Simulator, method: str, /, **arguments: Any) -> str:
    """Makes a call that is refused before anything is sent, and returns the reason."""
    before = simulator.calls()
    with pytest.raises(TypeError) as caught:
        call(method, **arguments)
    assert simulator.calls() == before
    assert not hasattr(caught.value, "__notes__")  # exceptions have no notes on Python 3.10
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is None: pass a str; a missing environment variable or field is None"),
        (0x59AC0000181EB6, "is of type int: pass a str of 16 hex digits, such as format(dev_eui, '016X')"),
        (bytes.fromhex(DEV_EUI), "is of type bytes: pass a str, such as dev_eui.hex()"),
        (float("nan"), "is of type float: pass a str; an empty cell of a data frame is nan"),
        ([DEV_EUI], "is of type list: pass one str per call"),
        (True, "is of type bool: pass a str"),
        (DEVICE, "is of type Device: pass its DevEUI, a str of 16 hex digits; the uuid of a device is not its DevEUI"),
    ],
)
def test_a_dev_eui_is_a_str(value: object, reason: str, call: Callable[..., Any], simulator: Simulator) -> None:
    assert wrong(call, simulator, "send_downlink", **{**DOWNLINK, "dev_eui": value}) == f"dev_eui {reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is None: pass bytes"),
        ("01 02", "is of type str: pass bytes, such as bytes.fromhex(payload) for hex digits"),
        ("on", "is of type str: pass bytes, such as payload.encode() for a text"),
        ("", "is of type str: pass bytes, such as payload.encode() for a text"),
        (258, "is of type int: pass bytes, such as payload.to_bytes(2, 'big')"),
        ([1, 2], "is of type list: pass bytes, such as bytes(payload)"),
        ({"n": "open"}, "is of type dict: pass bytes; send_senml sends records"),
    ],
)
def test_a_payload_is_bytes(value: object, reason: str, call: Callable[..., Any], simulator: Simulator) -> None:
    assert wrong(call, simulator, "send_downlink", **{**DOWNLINK, "payload": value}) == f"payload {reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is None: pass an int"),
        ("1", "is of type str: pass an int, such as int(port)"),
        (1.0, "is of type float: pass an int, such as int(port)"),
        (True, "is of type bool: pass an int"),
    ],
)
def test_a_port_is_an_int(value: object, reason: str, call: Callable[..., Any], simulator: Simulator) -> None:
    assert wrong(call, simulator, "send_downlink", **{**DOWNLINK, "port": value}) == f"port {reason}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is None: pass a list of dict"),
        ("[]", "is of type str: pass a list of dict, such as json.loads(records); send_downlink sends bytes"),
        (PurePosixPath("a.json"), "is of type PurePosixPath: pass a list of dict, such as json.loads(records.read_text())"),
        ({"n": "open"}, "is of type dict: pass a list of dict, such as [records]"),
        (5, "is of type int: pass a list of dict"),
    ],
)
def test_records_are_a_list(value: object, reason: str, call: Callable[..., Any], simulator: Simulator) -> None:
    assert wrong(call, simulator, "send_senml", **{**SENML, "records": value}) == f"records {reason}"


@pytest.mark.parametrize(
    ("method", "arguments", "reason"),
    [
        (
            "send_senml",
            {**SENML, "device": DEVICE},
            "device is of type Device: pass a DevEUI or a URN, such as f'urn:dev:DVNUUID:{device.uuid}:'",
        ),
        ("send_senml", {**SENML, "port": "1"}, "port is of type str: pass an int, such as int(port)"),
        ("send_senml", {**SENML, "external_reference": 7}, "external_reference is of type int: pass a str"),
        ("send_downlink", {**DOWNLINK, "external_reference": UUID(int=7)}, "external_reference is of type UUID: pass a str"),
        ("send_downlink", {**DOWNLINK, "timeout": "5"}, "timeout is of type str: pass a number of seconds"),
        (
            "send_downlink",
            {**DOWNLINK, "timeout": timedelta(seconds=5)},
            "timeout is of type timedelta: pass a number of seconds, such as timeout.total_seconds()",
        ),
        ("context_switch", {"customer_id": 5}, "customer_id is of type int: pass a str"),
        ("context_switch", {"customer_id": b"5"}, "customer_id is of type bytes: pass a str, such as customer_id.decode()"),
        ("request", {**REQUEST, "method": None}, "method is None: pass a str; a missing environment variable or field is None"),
        ("request", {**REQUEST, "path": 5}, "path is of type int: pass a str"),
        (
            "request",
            {**REQUEST, "path": PurePosixPath("/devices")},
            "path is of type PurePosixPath: pass a str, such as path.as_posix()",
        ),
        (
            "request",
            {**REQUEST, "params": {"from": date(2026, 1, 2)}},
            "params['from'] is of type date: pass a str or a number, such as value.isoformat()",
        ),
        ("request", {**REQUEST, "content": {"a": 1}}, "content is of type dict: pass bytes; the argument json takes a dict"),
    ],
)
def test_every_argument_is_named(
    method: str, arguments: dict[str, Any], reason: str, call: Callable[..., Any], simulator: Simulator
) -> None:
    assert wrong(call, simulator, method, **arguments) == reason


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("search", 5, "search is of type int: pass a str"),
        ("sort_by", b"name", "sort_by is of type bytes: pass a str, such as sort_by.decode()"),
        ("page_size", "5", "page_size is of type str: pass an int, such as int(page_size)"),
        ("window", None, "window is None: pass an int"),
        ("window", 1.5, "window is of type float: pass an int, such as int(window)"),
        ("timeout", [], "timeout is of type list: pass a number of seconds"),
        ("deadline", True, "deadline is of type bool: pass a number of seconds"),
    ],
)
def test_every_argument_of_a_listing_is_named(name: str, value: object, reason: str, simulator: Simulator) -> None:
    arguments: dict[str, Any] = {name: value}
    for client in simulator.client(), simulator.async_client():
        with pytest.raises(TypeError) as caught:
            client.devices(**arguments)
        assert str(caught.value) == reason


def test_a_urn_of_the_uuid_is_a_device(call: Callable[..., Any], simulator: Simulator) -> None:
    uuid = "0140135c-07ca-41ec-9d2b-c8a1e3eef116"
    assert call("send_senml", RECORDS, device=f"urn:dev:DVNUUID:{uuid}:").status == 201


@pytest.mark.parametrize(
    ("method", "arguments", "reason"),
    [
        ("for_customer", {"customer_id": 5}, "customer_id is of type int: pass a str"),
        ("with_options", {"timeout": "5"}, "timeout is of type str: pass a number of seconds"),
        ("with_options", {"retry": 5}, "retry is of type int: pass a RetryPolicy, or max_attempts"),
        ("with_options", {"on_event": 5}, "on_event is of type int: pass a function that takes an Event"),
        ("from_postman_environment", {"path": 5}, "path is of type int: pass the path of a file"),
        ("from_env", {"ca_bundle": 5}, "ca_bundle is of type int: pass the path of a file"),
        ("from_env", {"allow_http": 5}, "allow_http is of type int: pass a list of str"),
        ("from_env", {"allow_http": ["a", 5]}, "allow_http[1] is of type int: pass a str"),
    ],
)
def test_every_option_is_named(method: str, arguments: dict[str, Any], reason: str, simulator: Simulator) -> None:
    for client in simulator.client(), simulator.async_client():
        with pytest.raises(TypeError) as caught:
            getattr(client, method)(**arguments)
        assert str(caught.value) == reason

"""Arguments of a downlink. An invalid argument raises before anything is sent."""

from __future__ import annotations

import array
import re
import uuid
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpn_things import Client, InputError
from kpn_things.testing import Simulator

DEV_EUI = "0059AC0000181EB6"


def refused(client: Client, simulator: Simulator, expected: type[Exception], **given: Any) -> str:
    """Calls with arguments that are refused before anything is sent, and returns the reason."""
    arguments = {"dev_eui": DEV_EUI, "payload": b"\x01", "port": 1, **given}
    before = simulator.calls()
    with pytest.raises(expected) as caught:
        client.send_downlink(**arguments)
    assert type(caught.value) is expected
    assert simulator.calls() == before
    return str(caught.value)


@pytest.mark.parametrize("dev_eui", [DEV_EUI, DEV_EUI.lower(), "00-59-ac-00-00-18-1e-b6", "00:59:AC:00:00:18:1E:B6"])
def test_a_dev_eui_is_read_as_people_paste_it(dev_eui: str, client: Client, simulator: Simulator) -> None:
    client.send_downlink(dev_eui, b"\x01", port=1)
    assert simulator.downlinks[-1].dev_eui == DEV_EUI


@given(st.one_of(st.text(), st.text("0123456789abcdefABCDEF-:", max_size=24), st.from_regex(r"[0-9a-fA-F]{15,17}")))
@example("0059AC0000181EB6\n")
@example("00 59 AC 00 00 18 1E B6")
@example("0x0059AC0000181EB6")
@example("００59AC0000181EB6")
def test_any_text_is_a_dev_eui_or_refused(client: Client, simulator: Simulator, text: str) -> None:
    if re.fullmatch(r"(?a)[0-9a-fA-F]{16}|[0-9a-fA-F]{2}(-[0-9a-fA-F]{2}){7}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){7}", text):
        client.send_downlink(text, b"\x01", port=1)
    else:
        assert "DevEUI" in refused(client, simulator, InputError, dev_eui=text)


@pytest.mark.parametrize("dev_eui", [None, b"0059AC0000181EB6", 0x0059AC0000181EB6, ["0059AC0000181EB6"]])
def test_what_is_no_text_is_no_dev_eui(dev_eui: object, client: Client, simulator: Simulator) -> None:
    assert "str" in refused(client, simulator, TypeError, dev_eui=dev_eui)


@pytest.mark.parametrize("name", ["dev_eui", "external_reference"])
def test_a_text_that_is_not_unicode_is_refused(name: str, client: Client, simulator: Simulator) -> None:
    reason = refused(client, simulator, InputError, **{name: "a\ud800"})
    assert reason == f"{name} is not Unicode: it has half of a surrogate pair at position 2"


@pytest.mark.parametrize(
    "payload",
    [
        b"\x01\x02",
        bytearray(b"\x01\x02"),
        memoryview(b"\x01\x02"),
        memoryview(b"\x01\x00\x02\x00")[::2],
        array.array("B", [1, 2]),
    ],
)
def test_a_payload_is_anything_that_holds_bytes(payload: Any, client: Client, simulator: Simulator) -> None:
    client.send_downlink(DEV_EUI, payload, port=1)
    assert simulator.downlinks[-1].payload == b"\x01\x02"


@given(st.binary(max_size=300))
@example(b"\x00" * 242)
@example(b"\x00" * 243)
def test_a_payload_has_1_to_242_bytes(client: Client, simulator: Simulator, payload: bytes) -> None:
    if 1 <= len(payload) <= 242:
        client.send_downlink(DEV_EUI, payload, port=1)
        assert simulator.downlinks[-1].payload == payload
    else:
        assert "payload" in refused(client, simulator, InputError, payload=payload)


@given(st.text())
@example("0102")
@example("")
def test_a_text_is_no_payload_and_the_reason_says_what_to_do(client: Client, simulator: Simulator, text: str) -> None:
    reason = refused(client, simulator, TypeError, payload=text)
    assert "bytes.fromhex(payload)" in reason or "payload.encode()" in reason


@pytest.mark.parametrize("payload", [None, 1, [1, 2], (1, 2), {1}, {"a": 1}, 1.5, object()])
def test_what_holds_no_bytes_is_no_payload(payload: object, client: Client, simulator: Simulator) -> None:
    reason = refused(client, simulator, TypeError, payload=payload)
    assert re.match(rf"payload is (None|of type {type(payload).__name__}): pass bytes", reason)


@given(st.integers(-(2**70), 2**70) | st.integers(-10, 300))
@example(0)
@example(1)
@example(223)
@example(224)
@example(256)
@example(257)
@example(-1)
@example(2**32)
@example(2**70)
@example(10**5000)
def test_a_port_is_1_to_223(client: Client, simulator: Simulator, port: int) -> None:
    if 1 <= port <= 223:
        client.send_downlink(DEV_EUI, b"\x01", port=port)
        assert simulator.downlinks[-1].port == port
    else:
        assert re.match("port|FPort", refused(client, simulator, InputError, port=port))


@pytest.mark.parametrize("port", [True, False, "1", b"1", 1.0, None, [1]])
def test_what_is_no_int_is_no_port(port: object, client: Client, simulator: Simulator) -> None:
    assert refused(client, simulator, TypeError, port=port).startswith("port is")


def test_what_counts_as_an_int_is_a_port(client: Client, simulator: Simulator) -> None:
    numpy = pytest.importorskip("numpy")
    client.send_downlink(DEV_EUI, b"\x01", port=numpy.uint8(7))
    assert simulator.downlinks[-1].port == 7


def test_a_port_has_to_be_named_and_given(client: Client) -> None:
    with pytest.raises(TypeError, match="port"):
        client.send_downlink(DEV_EUI, b"\x01")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        client.send_downlink(DEV_EUI, b"\x01", 1)  # type: ignore[call-arg]


@given(st.text(st.characters(codec="utf-8")))
@example("valve 42 & é %")
@example("a\r\nb")
@example("")
@example(" a")
def test_any_text_is_a_reference_or_refused(client: Client, simulator: Simulator, text: str) -> None:
    control = any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)
    if text and text.strip() == text and not control:
        receipt = client.send_downlink(DEV_EUI, b"\x01", port=1, external_reference=text)
        assert receipt.external_reference == text
        assert simulator.downlinks[-1].external_reference == text
    elif text:
        assert "reference" in refused(client, simulator, InputError, external_reference=text)


def test_a_downlink_without_a_reference_gets_one_and_with_an_empty_one_has_none(client: Client, simulator: Simulator) -> None:
    receipts = [client.send_downlink(DEV_EUI, b"\x01", port=1) for _ in range(2)]
    one, other = (uuid.UUID(receipt.external_reference) for receipt in receipts)
    assert (one.version, other.version) == (7, 7) and one != other
    assert simulator.downlinks[-1].external_reference == str(other)
    receipt = client.send_downlink(DEV_EUI, b"\x01", port=1, external_reference="")
    assert receipt.external_reference is None and simulator.downlinks[-1].external_reference is None


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "empty"),
        ([1], "object"),
        ([{"n": "a", "v": "1"}], "wrong type"),
        ([{"n": "a", "v": 1, "vs": "1"}], "more than one value"),
        ([{"n": "a b", "v": 1}], "does not allow"),
        ([{"n": "a", "v": float("nan")}], "JSON"),
        ([{"n": "a", "v": float("inf")}], "JSON"),
        ([{"n": "a", "vs": "\ud800"}], "JSON"),
        ([{"n": "payloadHex", "vs": "0x0102"}], "payload of SenML record 1 starts with 0x"),
        ([{"n": "payloadHex", "vs": "102"}], "odd number"),
        ([{"n": "payloadHex", "vs": "AQI="}], "'Q' at position 2"),
        ([{"n": "payloadHex", "vs": "00" * 300}], "300 bytes"),
        ([{"n": "payloadHex", "v": 102}], "not a text"),
        ([{"n": "a", "v": 1}, {"bn": "urn:dev:DEVEUI:0000000000000001:", "n": "b", "v": 2}], "another device"),
    ],
)
def test_records_that_are_no_senml_are_refused(records: Any, reason: str, client: Client, simulator: Simulator) -> None:
    before = simulator.calls()
    with pytest.raises(InputError, match=reason):
        client.send_senml(records, device=DEV_EUI)
    assert simulator.calls() == before


def test_records_without_a_device_are_refused(client: Client, simulator: Simulator) -> None:
    before = simulator.calls()
    with pytest.raises(InputError, match="names no device"):
        client.send_senml([{"n": "a", "v": 1}])
    assert simulator.calls() == before


@pytest.mark.parametrize("records", [[{"n": "a", "v": {1}}], [{"n": "a", "v": b"1"}], [object()]])
def test_records_that_are_no_plain_data_are_a_type_error(records: Any, client: Client, simulator: Simulator) -> None:
    before = simulator.calls()
    with pytest.raises(TypeError, match="records cannot be written as JSON"):
        client.send_senml(records, device=DEV_EUI)
    assert simulator.calls() == before


def test_the_port_of_records_may_be_absent_and_is_checked_if_it_is_not(client: Client, simulator: Simulator) -> None:
    records = [{"n": "open", "vb": True}]
    client.send_senml(records, device=DEV_EUI, port=None)
    assert simulator.downlinks[-1].port is None
    client.send_senml(records, device=DEV_EUI, port=9)
    assert simulator.downlinks[-1].port == 9
    for wrong in (0, -1, 224, 2**70):
        with pytest.raises(InputError):
            client.send_senml(records, device=DEV_EUI, port=wrong)
    with pytest.raises(TypeError):
        client.send_senml(records, device=DEV_EUI, port=True)

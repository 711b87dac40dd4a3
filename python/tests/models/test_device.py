"""A device: its known fields, its unknown ones, and its JSON."""

from __future__ import annotations

import json
import pickle

import pytest

from kpn_things import DecodeError, Device

FULL = {
    "uuid": "d-1",
    "name": "Café thermostat",
    "description": "",
    "metadata": {"floor": 3},
    "deviceSpecificationUUID": "d2723e99-1fe4-4d60-9b6d-8061f7414b24",
    "barcode": "8712345678906",
    "eui": "0059AC0000181EB6",
    "tags": ["a", {"b": None}],
}


def device(**fields: object) -> Device:
    return Device.from_json(json.dumps({"uuid": "d-1", **fields}))


def test_fields_are_properties() -> None:
    one = device(**FULL)
    assert one.uuid == "d-1"
    assert one.name == "Café thermostat"
    assert one.description == ""
    assert one.metadata == {"floor": 3}
    assert one.device_specification_uuid == "d2723e99-1fe4-4d60-9b6d-8061f7414b24"
    assert one.barcode == "8712345678906"


def test_unknown_fields_are_kept() -> None:
    assert device(**FULL).extra == {"eui": "0059AC0000181EB6", "tags": ["a", {"b": None}]}


def test_absent_fields_are_none_and_an_absent_name_is_empty() -> None:
    one = device()
    assert one.name == ""
    assert (one.description, one.metadata, one.device_specification_uuid, one.barcode) == (None, None, None, None)
    assert one.extra == {}


def test_a_dict_has_all_fields_under_the_services_names() -> None:
    assert device(**FULL).to_dict() == FULL
    assert list(device(**FULL).to_dict()) == list(FULL)


def test_what_a_device_gives_away_is_a_copy() -> None:
    one = device(**FULL)
    one.metadata["floor"] = 4
    one.extra["eui"] = "other"
    one.to_dict()["metadata"]["floor"] = 4
    assert one.to_dict() == FULL


@pytest.mark.parametrize("metadata", [None, True, False, 0, -1, 1.5, "", "text", [], [1, [2]], {}, {"a": {"b": [None]}}])
def test_metadata_is_plain_data(metadata: object) -> None:
    came = device(metadata=metadata).metadata
    assert came == metadata
    assert type(came) is type(metadata)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 2**64, 89314404000123456789, -(10**30), 10**4000])
def test_integers_are_exact(number: int) -> None:
    one = device(metadata=number, iccid=number)
    for came in one.metadata, one.extra["iccid"], one.to_dict()["metadata"]:
        assert came == number
        assert type(came) is int
    assert pickle.loads(pickle.dumps(one)).metadata == number


def test_an_integer_that_python_does_not_read_is_a_decode_error() -> None:
    one = Device.from_json('{"uuid":"d-1","metadata":%s}' % ("9" * 5_000))
    with pytest.raises(DecodeError, match="4300"):
        one.metadata


def test_a_number_beyond_all_floats_is_read_as_python_reads_it() -> None:
    assert Device.from_json('{"uuid":"d-1","metadata":1e400}').metadata == float("inf")


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    one = Device.from_json(r'{"uuid":"d-1","name":"ok \ud83d","metadata":{"a":"\ude00"},"x":"\ud83d\ude00 \ud83d"}')
    assert one.name == "ok \ufffd"
    assert one.metadata == {"a": "\ufffd"}
    assert one.extra == {"x": "😀 \ufffd"}
    assert json.dumps(one.to_dict(), ensure_ascii=False).encode()


@pytest.mark.parametrize(("value", "text"), [("7", "7"), ("1.50", "1.50"), ("true", "true"), ('{"a": 1}', '{"a": 1}')])
def test_what_is_no_text_is_read_as_its_text(value: str, text: str) -> None:
    one = Device.from_json(f'{{"uuid":4711,"name":{value},"description":{value},"barcode":{value}}}')
    assert (one.uuid, one.name, one.description, one.barcode) == ("4711", text, text, text)


@pytest.mark.parametrize("number", [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e22, 1.0])
def test_floats_are_exact(number: float) -> None:
    came = device(metadata=number).metadata
    assert repr(came) == repr(number)


@pytest.mark.parametrize("text", ["é", "\u0000", "\u2028", "😀", "\U0010ffff", '"\\/\b\f\n\r\t', "नमस्ते", "e\u0301"])
def test_texts_are_exact(text: str) -> None:
    one = device(name=text, metadata={text: text}, **{f"x{text}": text})
    assert one.name == text
    assert one.metadata == {text: text}
    assert one.extra == {f"x{text}": text}


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"d-1"',
        b"{}",
        b'{"uuid":null}',
        b'{"uuid":[7]}',
        b'{"uuid":"d-1"},{"uuid":"d-2"}',
        b'{"uuid":"d-1"}],"size":[1',
        b'{"uuid":"d-1","metadata":NaN}',
        b'{"uuid":"d-1","metadata":"\\u12"}',
        b'{"uuid":"d-1","metadata":%b}' % (b"[" * 100_000),
        b'{"uuid":"\xff"}',
    ],
)
def test_what_is_no_device_is_a_decode_error(wrong: bytes) -> None:
    with pytest.raises(DecodeError, match="not a device") as caught:
        Device.from_json(wrong)
    assert len(str(caught.value)) < 300


def test_json_is_bytes_or_text() -> None:
    source = '{"uuid":"é"}'
    assert Device.from_json(source).uuid == "é"
    assert Device.from_json(source.encode()).uuid == "é"
    assert Device.from_json(bytearray(source.encode())).uuid == "é"


@pytest.mark.parametrize("source", [None, 1, {"uuid": "d-1"}, ["d-1"]])
def test_anything_else_than_bytes_or_text_is_a_type_error(source: object) -> None:
    with pytest.raises(TypeError, match=f"data is of type {type(source).__name__}"):
        Device.from_json(source)  # type: ignore[arg-type]


def test_a_device_is_not_made_by_hand() -> None:
    with pytest.raises(TypeError):
        Device()


def test_the_repr_shows_who_it_is_and_no_more() -> None:
    assert repr(device(**FULL)) == "Device(uuid='d-1', name='Café thermostat')"
    assert repr(device(name="it's \n")) == 'Device(uuid=\'d-1\', name="it\'s \\n")'


def test_the_repr_is_short_for_any_device() -> None:
    huge = device(uuid="x" * 1_000_000, name="😀" * 1_000_000, metadata="x" * 1_000_000)
    assert len(repr(huge)) < 250
    assert repr(huge).count("…") == 2


def test_devices_are_matched_by_uuid_and_name() -> None:
    match device(**FULL):
        case Device("d-1", name):
            assert name == "Café thermostat"
        case _:
            pytest.fail("no match")
    match device(**FULL):
        case Device(barcode=None):
            pytest.fail("has a barcode")
        case Device(metadata={"floor": floor}, extra={"eui": eui}):
            assert (floor, eui) == (3, "0059AC0000181EB6")
        case _:
            pytest.fail("no match")


def test_a_device_is_read_only() -> None:
    one = device(**FULL)
    with pytest.raises(TypeError):
        one["name"] = "other"  # type: ignore[index]
    assert not hasattr(one, "eui")

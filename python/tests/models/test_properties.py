"""Properties of models for any JSON."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kpn_things import DecodeError, Device, Page

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON = st.recursive(LEAVES, lambda some: st.lists(some) | st.dictionaries(st.text(), some), max_leaves=20)
TEXT = st.none() | st.text()
COUNT = st.none() | st.integers(0, 2**64 - 1)


def records(known: dict[str, st.SearchStrategy[Any]], required: set[str], ignored: set[str]) -> st.SearchStrategy[Any]:
    """Objects with the required known fields, any of the other known fields, and unknown fields between them."""
    known_fields = st.fixed_dictionaries(
        {name: value for name, value in known.items() if name in required},
        optional={name: value for name, value in known.items() if name not in required},
    )
    unknown = st.dictionaries(st.text().filter(lambda name: name not in known and name not in ignored), JSON, max_size=3)
    both = st.tuples(known_fields, unknown).map(lambda fields: list({**fields[0], **fields[1]}.items()))
    return both.flatmap(st.permutations).map(dict)


DEVICES = records(
    {
        "uuid": st.text(),
        "name": TEXT,
        "description": TEXT,
        "metadata": JSON,
        "deviceSpecificationUUID": TEXT,
        "barcode": TEXT,
    },
    {"uuid"},
    set(),
)
PAGES = records(
    {
        "content": st.lists(DEVICES, max_size=3),
        "number": COUNT,
        "size": COUNT,
        "totalPages": COUNT,
        "totalElements": COUNT,
        "first": st.none() | st.booleans(),
        "last": st.none() | st.booleans(),
    },
    {"content"},
    {"sort", "numberOfElements"},
)


def is_all_in(part: dict[str, Any], whole: dict[str, Any]) -> bool:
    """Whether everything that the service sent is present. A null counts as absent."""
    return all(value is None or whole[name] == value for name, value in part.items())


@given(DEVICES)
def test_a_device_keeps_all_that_the_service_sent(sent: dict[str, Any]) -> None:
    device = Device.from_json(json.dumps(sent))
    assert is_all_in(sent, device.to_dict())
    assert Device.from_json(json.dumps(device.to_dict())) == device
    assert Device.from_json(json.dumps(sent, ensure_ascii=False).encode()) == device
    assert len(repr(device)) < 2000


@given(PAGES)
def test_a_page_keeps_all_that_the_service_sent(sent: dict[str, Any]) -> None:
    page = Page.from_json(json.dumps(sent))
    content = sent.pop("content")
    came = page.to_dict()
    assert is_all_in(sent, came)
    assert len(came["content"]) == len(content)
    assert all(map(is_all_in, content, came["content"]))
    assert Page.from_json(json.dumps(came)).to_dict() == came


@given(PAGES)
def test_a_page_and_its_devices_survive_pickling_and_copying(sent: dict[str, Any]) -> None:
    page = Page.from_json(json.dumps(sent))
    for again in pickle.loads(pickle.dumps(page)), copy.copy(page), copy.deepcopy(page):
        assert again == page
        assert hash(again) == hash(page)
        assert again.to_dict() == page.to_dict()
    assert pickle.loads(pickle.dumps(page.devices)) == page.devices


@given(st.binary())
def test_any_bytes_are_a_page_or_a_decode_error(body: bytes) -> None:
    try:
        page = Page.from_json(body)
    except DecodeError as error:
        assert len(str(error)) < 400
    else:
        assert page.to_dict()["content"] == []


@given(JSON)
def test_any_json_is_a_page_or_a_decode_error(body: Any) -> None:
    for text in json.dumps(body), json.dumps({"content": body}), json.dumps({"content": [body]}):
        for read in Page.from_json, Device.from_json:
            try:
                assert read(text) == read(text)
            except DecodeError as error:
                assert len(str(error)) < 2000


@given(PAGES, st.data())
def test_a_page_that_was_damaged_is_a_page_or_a_decode_error(sent: dict[str, Any], data: st.DataObject) -> None:
    body = bytearray(json.dumps(sent, ensure_ascii=False).encode())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        Page.from_json(body)
    except DecodeError as error:
        assert "not a page of devices" in str(error)

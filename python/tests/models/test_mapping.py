"""A device as a read-only mapping of the service's own field names."""

from __future__ import annotations

import json
from collections.abc import ItemsView, KeysView, Mapping, Sequence, ValuesView
from typing import Any

import pytest

from kpn_things import Device

FIELDS = {
    "uuid": "d-1",
    "name": "Café thermostat",
    "description": None,
    "metadata": {"floor": 3},
    "deviceSpecificationUUID": "d2723e99-1fe4-4d60-9b6d-8061f7414b24",
    "barcode": None,
    "eui": "0059AC0000181EB6",
    "tags": ["a", {"b": None}],
}

DEVICE = Device.from_json(json.dumps(FIELDS))


def test_a_device_is_a_mapping_and_no_sequence() -> None:
    assert isinstance(DEVICE, Mapping)
    assert not isinstance(DEVICE, Sequence)
    assert len(DEVICE) == len(FIELDS)


def test_it_makes_a_dict_of_all_fields_in_order() -> None:
    assert dict(DEVICE) == {**DEVICE} == DEVICE.to_dict() == FIELDS
    assert list(dict(DEVICE)) == list(DEVICE) == list(FIELDS)


def test_json_is_written_with_dict_as_the_default() -> None:
    assert json.loads(json.dumps([DEVICE], default=dict)) == [FIELDS]


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_read_by_the_names_of_the_service(name: str) -> None:
    assert DEVICE[name] == DEVICE.get(name) == DEVICE.get(name, "other") == FIELDS[name]
    assert name in DEVICE


@pytest.mark.parametrize("name", ["device_specification_uuid", "extra", "", 0, None, b"uuid"])
def test_other_names_are_a_key_error(name: Any) -> None:
    with pytest.raises(KeyError) as caught:
        DEVICE[name]
    assert caught.value.args == (name,)
    assert name not in DEVICE
    assert DEVICE.get(name) is None
    assert DEVICE.get(name, "other") == "other"


def test_its_views_are_those_of_a_dict() -> None:
    assert isinstance(DEVICE.keys(), KeysView)
    assert DEVICE.keys() == FIELDS.keys()
    assert isinstance(DEVICE.values(), ValuesView)
    assert list(DEVICE.values()) == list(FIELDS.values())
    assert isinstance(DEVICE.items(), ItemsView)
    assert list(DEVICE.items()) == list(FIELDS.items())


def test_a_device_without_any_field_but_its_uuid_is_true() -> None:
    bare = Device.from_json('{"uuid":"d-1"}')
    assert bare
    assert len(bare) == 6


def test_a_name_that_comes_twice_is_one_field() -> None:
    twice = Device.from_json('{"uuid":"d-1","eui":1,"eui":2}')
    assert len(twice) == len(dict(twice)) == 7
    assert twice["eui"] == dict(twice)["eui"] == 2


def test_a_device_equals_devices_alone() -> None:
    assert DEVICE == Device.from_json(json.dumps(FIELDS))
    assert DEVICE != FIELDS
    assert FIELDS != DEVICE


def test_it_is_matched_by_keys_as_well_as_by_attributes() -> None:
    match DEVICE:
        case {"uuid": "d-1", "metadata": {"floor": floor}, **rest}:
            assert floor == 3
            assert "eui" in rest
        case _:
            pytest.fail("no match")


def test_texts_are_formatted_by_field() -> None:
    assert "%(name)s" % DEVICE == "{name}".format_map(DEVICE) == FIELDS["name"]
    assert "%s" % DEVICE == repr(DEVICE)

"""Behaviour that all models share: they are frozen values."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any
from unittest.mock import ANY

import pytest

from kpn_things import Device, Fleet, Page, Receipt, Response

DEVICE = b'{"uuid":"u-1","name":"Valve","metadata":{"floor":3},"barcode":"87","eui":"0059AC0000181EB6"}'
PAGE = b'{"content":[%b,{"uuid":"u-2"}],"number":3,"size":20,"totalElements":62,"pageable":{"offset":60}}' % DEVICE


def device() -> Device:
    return Device.from_json(DEVICE)


def page() -> Page:
    return Page.from_json(PAGE)


def fleet() -> Fleet:
    return Fleet(page().devices, 4, 62)


def receipt() -> Receipt:
    return Receipt(201, {"state": ["Pending"]}, "valve-42", 2)


def response() -> Response:
    return Response(200, b'{"items":[]}', [("Content-Type", "application/json")], 2, 0.5)


MODELS = pytest.mark.parametrize("make", [device, page, fleet, receipt, response])

OTHERS = [
    (device, Device.from_json(DEVICE.replace(b"87", b"88"))),
    (page, Page.from_json(PAGE.replace(b"62", b"63"))),
    (fleet, Fleet(page().devices, 4, 63)),
    (fleet, Fleet(page().devices[:1], 4, 62)),
    (receipt, Receipt(200, {"state": ["Pending"]}, "valve-42", 2)),
    (receipt, Receipt(201, {"state": []}, "valve-42", 2)),
    (receipt, Receipt(201, {"state": ["Pending"]}, None, 2)),
    (response, Response(200, b"", [("Content-Type", "application/json")])),
    (response, Response(200, b'{"items":[]}')),
]


def properties(model: object) -> list[str]:
    members = vars(type(model)).items()
    return [name for name, member in members if inspect.isdatadescriptor(member) and not name.startswith("_")]


@MODELS
def test_no_attribute_can_be_set_added_or_deleted(make: Any) -> None:
    model = make()
    assert len(properties(model)) >= 3
    for name in [*properties(model), "to_dict", "anything"]:
        with pytest.raises(AttributeError):
            setattr(model, name, None)
        with pytest.raises(AttributeError):
            delattr(model, name)
    assert model == make()


@MODELS
def test_equal_models_have_equal_hashes_and_reprs(make: Any) -> None:
    one, other = make(), make()
    assert one is not other
    assert one == other
    assert not one != other
    assert hash(one) == hash(other)
    assert repr(one) == repr(other)
    assert len({one, other}) == 1


@pytest.mark.parametrize(("make", "other"), OTHERS)
def test_models_that_differ_in_a_field_are_not_equal(make: Any, other: object) -> None:
    assert make() != other
    assert not make() == other


@MODELS
def test_a_model_leaves_comparing_with_anything_else_to_it(make: Any) -> None:
    assert make() == ANY
    assert make() != 1
    assert make() != make().to_dict() if hasattr(make(), "to_dict") else True
    with pytest.raises(TypeError):
        make() < make()


@MODELS
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_gives_an_equal_model(make: Any, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(make(), protocol))
    assert type(again) is type(make())
    assert again == make()
    assert [getattr(again, name) for name in properties(again)] == [getattr(make(), name) for name in properties(again)]


@MODELS
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_an_equal_model(make: Any, copied: Any) -> None:
    again = copied(make())
    assert type(again) is type(make())
    assert again == make()
    assert hash(again) == hash(make())


@MODELS
def test_a_model_is_known_by_its_public_name(make: Any) -> None:
    assert type(make()).__module__ == "kpn_things"
    assert b"_native" not in pickle.dumps(make())


@MODELS
def test_a_model_has_no_subclasses(make: Any) -> None:
    with pytest.raises(TypeError, match="base type"):
        type("Mine", (type(make()),), {})


@MODELS
def test_everything_public_is_documented(make: Any) -> None:
    public = {name: member for name, member in vars(type(make())).items() if not name.startswith("_")}
    assert type(make()).__doc__
    assert [name for name, member in public.items() if not member.__doc__] == []

"""Clients, models and exceptions go through pickle and copy, and neither secret nor token goes with them."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import kpn_things
from kpn_things import AsyncClient, Client, ConfigError, Device, Fleet, KpnThingsError, Page, Receipt, Response, errors
from kpn_things._native import ERROR_KINDS

from .service import KEY_ID, SECRET, TOKEN, Service

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

CONTEXT = "canary-context-0123456789"

DEVICE = {
    "uuid": "device-0",
    "name": "Côté",
    "description": None,
    "metadata": {"floor": 3, "tags": ["a", None, 1.5, True]},
    "deviceSpecificationUUID": "specification",
    "barcode": "0012",
    "eui": {"unknown": ["field"]},
}
PAGE = {"content": [DEVICE], "number": 0, "size": 20, "totalPages": 1, "totalElements": 1, "first": True, "last": True,
        "sort": {"unsorted": True}}


def device() -> Device:
    return Device.from_json(json.dumps(DEVICE).encode())


MODELS: dict[type, Callable[[], Any]] = {
    Device: device,
    Page: lambda: Page.from_json(json.dumps(PAGE).encode()),
    Fleet: lambda: Fleet((device(), device()), 1, 2),
    Receipt: lambda: Receipt(201, {"state": {"name": "Pending"}}, "valve-42", 2),
    Response: lambda: Response(200, b"\x00\xff", [("content-type", "text/plain"), ("x", "1"), ("x", "2")], 2, 0.5),
}


def pickled(value: Any, protocol: int) -> Any:
    """What a pickle makes of it."""
    return pickle.loads(pickle.dumps(value, protocol))


WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle-{protocol}": partial(pickled, protocol=protocol) for protocol in PROTOCOLS},
}


def test_every_model_is_tried() -> None:
    public = {getattr(kpn_things, name) for name in kpn_things.__all__}
    models = {thing for thing in public if hasattr(thing, "__match_args__")}
    assert models == set(MODELS)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_models_come_back_equal(model: type, way: Callable[[Any], Any]) -> None:
    before = MODELS[model]()
    after = way(before)
    assert after == before
    assert hash(after) == hash(before)
    assert repr(after) == repr(before)
    if model is not Fleet:
        assert after.to_dict() == before.to_dict()
    assert type(after) is model


def test_listed_devices_come_back_equal(service: Service) -> None:
    service.pages = 5
    with Client(**service.settings()) as client:
        pages = list(client.devices().pages())
        fleet = client.devices().collect()
    assert pickle.loads(pickle.dumps(pages)) == pages
    assert pickle.loads(pickle.dumps(fleet)) == fleet
    assert [pickle.loads(pickle.dumps(device)) for device in fleet] == list(fleet)


def tree(kind: type[KpnThingsError] = KpnThingsError) -> Iterator[type[KpnThingsError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from tree(below)


def test_the_tree_of_exceptions_is_public() -> None:
    assert {kind.__name__ for kind in tree()} == set(errors.__all__)


FIELDS = {
    "hint": "look before you send it again",
    "method": "POST",
    "url": "https://api.kpnthings.com/api/actuator/downlinks",
    "status": 503,
    "body": {"message": ["busy"]},
    "retry_after": 2.0,
    "attempts": 3,
    "elapsed": 1.25,
    "stage": "call",
    "stop": "may_have_arrived",
    "outcome": "unknown",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", list(tree()), ids=lambda kind: kind.__name__)
def test_exceptions_come_back_equal(kind: type[KpnThingsError], way: Callable[[Any], Any]) -> None:
    before = kind("what happened")
    before.__dict__.update(FIELDS)
    if hasattr(before, "add_note"):
        before.add_note("a note")
    after = way(before)
    assert type(after) is kind
    assert (str(after), after.args, after.__dict__) == (str(before), before.args, before.__dict__)
    assert {name: getattr(after, name) for name in FIELDS} == FIELDS


@pytest.mark.parametrize("kind", ERROR_KINDS)
def test_exceptions_of_the_core_come_back_equal(kind: str) -> None:
    before = errors._from_core(kind, "what happened", dict(FIELDS))
    for way in WAYS.values():
        after = way(before)
        assert (type(after), str(after), after.__dict__) == (type(before), str(before), before.__dict__)


def test_a_copied_exception_has_notes_of_its_own() -> None:
    before = errors._from_core("Server", "what happened", dict(FIELDS))
    if sys.version_info < (3, 11):
        pytest.skip("notes came with Python 3.11")
    after = copy.deepcopy(before)
    after.add_note("of the copy")
    assert "of the copy" not in before.__notes__


def holds(data: bytes, canary: str) -> bool:
    """Whether the bytes hold a text, plain or in a usual disguise."""
    plain = canary.encode()
    disguises = [plain, plain.hex().encode(), canary.encode("utf-16-le"), base64.b64encode(plain).rstrip(b"=")[:-1]]
    return any(disguise in data for disguise in disguises)


@pytest.fixture(params=[Client, AsyncClient])
def client(request: pytest.FixtureRequest, service: Service) -> Client | AsyncClient:
    cls: type[Client | AsyncClient] = request.param
    return cls(**service.settings(), security_context=CONTEXT, timeout=7.5, max_attempts=2)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", SECRET)
    monkeypatch.setenv("KPN_THINGS_SECURITY_CONTEXT", CONTEXT)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickled_client_holds_neither_secret_nor_token(protocol: int, service: Service) -> None:
    with Client(**service.settings(), security_context=CONTEXT) as client:
        assert client.request("GET", "/devices").status == 200
        data = pickle.dumps([client, client.for_customer("customer")], protocol)
    assert [canary for canary in (SECRET, TOKEN, CONTEXT) if holds(data, canary)] == []
    assert holds(pickle.dumps(SECRET, protocol), SECRET)


def test_a_pickled_client_finds_its_secrets_in_the_environment(client: Client | AsyncClient, secrets: None) -> None:
    for before in (client, client.for_customer("customer")):
        for protocol in PROTOCOLS:
            after = pickle.loads(pickle.dumps(before, protocol))
            assert type(after) is type(before)
            assert repr(after) == repr(before)
            assert after.__reduce__() == before.__reduce__()


def test_a_client_out_of_a_pickle_works(service: Service, secrets: None) -> None:
    with Client(**service.settings()) as client:
        data = pickle.dumps(client.for_customer("customer"))
    with pickle.loads(data) as client:
        assert client.request("GET", "/devices").status == 200
    assert service.asked("/context-switch") == 1


def test_without_the_secret_in_the_environment_the_error_says_what_to_set(
    client: Client | AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KPN_THINGS_KEY_SECRET", raising=False)
    with pytest.raises(ConfigError, match=f"{KEY_ID}: set KPN_THINGS_KEY_SECRET in this process"):
        pickle.loads(pickle.dumps(client))
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", SECRET)
    with pytest.raises(ConfigError, match="set KPN_THINGS_SECURITY_CONTEXT in this process"):
        pickle.loads(pickle.dumps(client))


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_client_needs_no_environment(way: Callable[[Any], Any], client: Client | AsyncClient) -> None:
    theirs = client.for_customer("customer")
    assert way(client) is client
    assert way({"client": theirs})["client"] is theirs

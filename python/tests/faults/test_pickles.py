"""Clients, models and exceptions are pickled and copied without secrets and tokens."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import pytest

import kpn_things
from behaviour.service import KEY_ID, SECRET, TOKEN, Service
from kpn_things import (
    AsyncClient,
    Client,
    ConfigError,
    Device,
    Event,
    Fleet,
    KpnThingsError,
    ListingReport,
    Page,
    Proof,
    Receipt,
    Response,
    errors,
)
from kpn_things._native import ERROR_KINDS

from .caller import Caller, either
from .test_downlinks import downlink
from .trial import Trial

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
    Fleet: lambda: Fleet((device(), device()), 7, 60, ListingReport(48, 12, 60, (58, 61)), Proof(7, 1)),
    ListingReport: lambda: ListingReport(48, 12, 60, (58, 61)),
    Proof: lambda: Proof(7, 1),
    Receipt: lambda: Receipt(201, {"state": {"name": "Pending"}}, "valve-42", 2),
    Response: lambda: Response(200, b"\x00\xff", [("content-type", "text/plain"), ("x", "1"), ("x", "2")], 2, 0.5),
}


def pickled(value: Any, protocol: int) -> Any:
    """The value after a round trip through pickle."""
    return pickle.loads(pickle.dumps(value, protocol))


WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle-{protocol}": partial(pickled, protocol=protocol) for protocol in PROTOCOLS},
}


def test_every_model_is_tried() -> None:
    public = {getattr(kpn_things, name) for name in kpn_things.__all__}
    models = {thing for thing in public if hasattr(thing, "__match_args__")}
    # Events are plain tuples.
    assert models - {Event} == set(MODELS)


@either
def test_r24_models_come_back_equal(caller: type[Caller], service: Service) -> None:
    service.answers = lambda request: (200, json.dumps(PAGE).encode()) if request.path == "/api/devices" else None
    with Trial("R24", caller.name) as trial, caller(service.environment()) as client:
        listed = client.call(lambda client: client.devices().collect())
        came = {
            "a fleet": listed,
            "a device of a fleet": listed[0],
            "the report of a fleet": listed.report,
            "the proof of a fleet": client.call(lambda client: client.devices().verified().collect()).proof,
            "a page": client.call(lambda client: first(client.devices().pages())),
            "a receipt": client.call(downlink("valve-42")),
            "a response": client.call(lambda client: client.request("GET", "/devices")),
            **{f"{model.__name__} made by hand": make() for model, make in MODELS.items()},
        }
        assert {type(before) for before in came.values()} == set(MODELS)
        for (name, before), (way, go) in product(came.items(), WAYS.items()):
            after = go(before)
            trial.holds(
                type(after) is type(before)
                and after == before
                and hash(after) == hash(before)
                and repr(after) == repr(before)
                and (isinstance(before, Fleet) or after.to_dict() == before.to_dict()),
                lambda: f"{name}, {way}: {before!r} became {after!r}",
            )


def first(pages: Any) -> Any:
    return next(pages) if isinstance(pages, Iterator) else anext(pages)


def tree(kind: type[KpnThingsError] = KpnThingsError) -> Iterator[type[KpnThingsError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from tree(below)


def test_the_tree_of_exceptions_is_public() -> None:
    assert {kind.__name__ for kind in tree()} == set(errors.__all__)


FIELDS = {
    "hint": "check the portal before you send it again",
    "method": "POST",
    "url": "https://api.kpnthings.com/api/actuator/downlinks",
    "status": 503,
    "body": {"message": ["busy"]},
    "retry_after": 2.0,
    "attempts": 3,
    "elapsed": 1.25,
    "stage": "call",
    "gave_up_because": "may_have_arrived",
    "outcome": "unknown",
}


def made(kind: type[KpnThingsError]) -> KpnThingsError:
    """An exception with all its fields."""
    error = kind("what happened")
    error.__dict__.update(FIELDS)
    if hasattr(error, "add_note"):
        error.add_note("a note")
    return error


def exception(kind: str) -> KpnThingsError:
    """An exception as the native part creates it."""
    return errors._from_core(kind, "what happened", "it broke", dict(FIELDS))


@either
def test_r24_exceptions_come_back_equal(caller: type[Caller], service: Service) -> None:
    status = 0
    service.answers = lambda request: (status, b'{"echo": ["%s"]}' % request.body[:20].hex().encode())
    with Trial("R24", caller.name) as trial:
        came = [*map(made, tree()), *(exception(kind) for kind in ERROR_KINDS)]
        for status in (302, 400, 401, 403, 404, 418, 429, 500):
            with caller(service.environment(), max_attempts=1) as client:
                came.append(client.call(downlink("valve-42")))
        with caller({**service.environment(), "KPN_THINGS_BASE_URL": "http://127.0.0.1:1"}, max_attempts=1) as client:
            came += [client.call(downlink("valve-42")), client.call(lambda client: client.request("GET", "/\r\n"))]
        for before, (way, go) in product(came, WAYS.items()):
            after = go(before)
            trial.holds(
                isinstance(before, KpnThingsError)
                and type(after) is type(before)
                and (str(after), after.args, after.__dict__) == (str(before), before.args, before.__dict__)
                and {name: getattr(after, name) for name in FIELDS} == {name: getattr(before, name) for name in FIELDS},
                lambda: f"{before!r}, {way}: became {after!r}",
            )


def test_a_copied_exception_has_notes_of_its_own() -> None:
    before = exception("Server")
    if sys.version_info < (3, 11):
        pytest.skip("notes came with Python 3.11")
    after = copy.deepcopy(before)
    after.add_note("of the copy")
    assert "of the copy" not in before.__notes__


def holds(data: bytes, canary: str) -> bool:
    """Whether the bytes contain the text, plain or in a common encoding."""
    plain = canary.encode()
    disguises = [plain, plain.hex().encode(), canary.encode("utf-16-le"), base64.b64encode(plain).rstrip(b"=")[:-1]]
    return any(disguise in data for disguise in disguises)


@pytest.fixture(params=[Client, AsyncClient])
def client(request: pytest.FixtureRequest, service: Service) -> Client | AsyncClient:
    cls: type[Client | AsyncClient] = request.param
    return cls(**service.settings(), security_context=CONTEXT, timeout=7.5, max_attempts=2)


@either
def test_r24_pickled_client_holds_no_secret_and_works_where_there_is_one(
    caller: type[Caller], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holds(pickle.dumps(SECRET), SECRET)
    with Trial("R24", caller.name) as trial:
        with caller(service.environment(), security_context=CONTEXT, timeout=7.5, max_attempts=2) as used:
            used.call(lambda client: client.request("GET", "/devices"))
            for name, before in {"a client": used.client, "one for a customer": used.client.for_customer("a")}.items():
                for protocol in PROTOCOLS:
                    data = pickle.dumps(before, protocol)
                    told = [canary for canary in (SECRET, TOKEN, CONTEXT) if holds(data, canary)]
                    trial.holds(told == [], lambda: f"{name}, protocol {protocol}: {told}")
                    with monkeypatch.context() as there:
                        there.setenv("KPN_THINGS_KEY_SECRET", SECRET)
                        there.setenv("KPN_THINGS_SECURITY_CONTEXT", CONTEXT)
                        after = pickle.loads(data)
                    switches = service.asked("/context-switch")
                    with caller.of(after) as again:
                        result = again.call(lambda client: client.request("GET", "/devices"))
                    switches = service.asked("/context-switch") - switches
                    trial.holds(
                        type(after) is type(before)
                        and repr(after) == repr(before)
                        and after.__reduce__() == before.__reduce__()
                        and isinstance(result, Response)
                        and switches == (before is not used.client),
                        lambda: f"{name}, protocol {protocol}: {before!r} became {after!r}, result: {result!r}",
                    )


def test_without_the_secret_in_the_environment_the_error_says_what_to_set(
    client: Client | AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KPN_THINGS_KEY_SECRET", raising=False)
    locked = pickle.loads(pickle.dumps(client))
    with pytest.raises(ConfigError, match=f"{KEY_ID}: set KPN_THINGS_KEY_SECRET in this process"):
        locked.for_customer("customer")
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", SECRET)
    locked = pickle.loads(pickle.dumps(client))
    with pytest.raises(ConfigError, match="set KPN_THINGS_SECURITY_CONTEXT in this process"):
        locked.devices().collect() if isinstance(locked, Client) else locked.devices().pages()


def test_a_wrong_setting_where_a_client_is_unpickled_is_in_the_error(
    client: Client | AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KPN_THINGS_KEY_SECRET", raising=False)
    monkeypatch.setenv("KPN_THINGS_POSTMAN_ENVIRONMENT", "absent.json")
    locked = pickle.loads(pickle.dumps(client))
    with pytest.raises(ConfigError, match="cannot be opened in this process: .*absent.json"):
        locked.for_customer("customer")


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_client_needs_no_environment(way: Callable[[Any], Any], client: Client | AsyncClient) -> None:
    theirs = client.for_customer("customer")
    assert way(client) is client
    assert way({"client": theirs})["client"] is theirs

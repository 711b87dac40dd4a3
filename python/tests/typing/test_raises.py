"""The methods of both clients raise the exceptions that their docstrings list under `Raises:`."""

from __future__ import annotations

import asyncio
import builtins
import inspect
import os
import re
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import pytest

import kpn_things
from kpn_things import (
    ApiError,
    AsyncClient,
    AsyncDevices,
    AsyncVerifiedDevices,
    Client,
    Devices,
    DownlinkOutcomeUnknown,
    ForbiddenError,
    IncompleteError,
    InputError,
    KpnThingsError,
    LedgerError,
    ListingError,
    VerifiedDevices,
)
from kpn_things.testing import Simulator

DEV_EUI = "0059AC0000181EB6"
ROW = {"dev_eui": DEV_EUI, "payload": b"\x01", "port": 1}
JOB = "019ab2c4-5d00-7cc3-98c4-dc0c0c07398f"
NEVER = {"close", "aclose", "without_customer", "verified", "current"}
"""The methods that raise nothing if their arguments have the right types."""

PAIRS = [(Client, AsyncClient), (Devices, AsyncDevices), (VerifiedDevices, AsyncVerifiedDevices)]
METHODS = [
    pytest.param(cls, getattr(cls, name), id=f"{cls.__name__}.{name}")
    for pair in PAIRS
    for cls in pair
    for name in dir(cls)
    if not name.startswith("_") and name not in NEVER
]
Call = Callable[[Any], Any]


def listed(method: Any) -> list[type[Exception]]:
    """The exceptions under `Raises:`."""
    section = (inspect.getdoc(method) or "").partition("Raises:\n")[2].partition("\n\n")[0]
    names = re.findall(r"^    (\w+): [A-Z].*", section, re.MULTILINE)
    return [getattr(kpn_things, name, None) or getattr(builtins, name) for name in names]


@pytest.mark.parametrize(("cls", "method"), METHODS)
def test_every_method_lists_its_exceptions(cls: type, method: Any) -> None:
    assert listed(method)
    assert all(issubclass(kind, Exception) for kind in listed(method))


@pytest.mark.parametrize("cls", [Client, AsyncClient])
def test_every_way_to_make_a_client_lists_what_an_unknown_option_raises(cls: Any) -> None:
    for make in (cls, cls.from_env, lambda **options: cls.from_postman_environment(__file__, **options)):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            make(tenent_id="x") if make is not cls.from_env else make({}, tenent_id="x")
    for method in (cls, Client.from_env, Client.from_postman_environment):
        assert TypeError in listed(method)


@pytest.mark.parametrize(("cls", "method"), METHODS)
def test_exceptions_come_after_the_arguments(cls: type, method: Any) -> None:
    text = inspect.getdoc(method) or ""
    assert text.count("Raises:\n") == 1
    assert "Args:\n" not in text.partition("Raises:\n")[2]


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_both_list_the_same_exceptions_in_the_same_words(sync: type, asynchronous: type) -> None:
    for name in dir(sync):
        if not name.startswith("_") and name not in NEVER:
            texts = [(inspect.getdoc(getattr(cls, name)) or "").partition("Raises:")[2] for cls in (sync, asynchronous)]
            assert texts[0] == texts[1], name


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=3) as simulator:
        yield simulator


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, simulator: Simulator) -> Any:
    return simulator.client() if request.param == "sync" else simulator.async_client()


def error_of(client: Any, call: Call) -> BaseException:
    """The exception that a call of either client raises."""

    async def main() -> Any:
        result = call(client)
        if hasattr(result, "__aiter__"):
            return [item async for item in result]
        return await result if inspect.isawaitable(result) else result

    with pytest.raises(Exception) as caught:
        asyncio.run(main()) if isinstance(client, AsyncClient) else _drain(call(client))
    return caught.value


def _drain(result: Any) -> NoReturn:
    """Iterates over a listing until it raises. Calls without a listing have raised before."""
    pytest.fail(f"no exception: {list(result)}")


def send(client: Any, **options: Any) -> Any:
    return client.send_downlink(DEV_EUI, b"\x01", port=1, **options)


def senml(client: Any) -> Any:
    return client.send_senml([{"n": "a", "v": 1}], device=DEV_EUI)


def post(client: Any) -> Any:
    return client.request("POST", "/api/actuator/downlinks", json=[])


# Each row has the method, the call, a fault of the simulator, and the class of the exception.
FAILURES: list[tuple[str, Call, str | None, type[Exception]]] = [
    ("Client.devices", lambda client: client.devices(timeout=-1), None, InputError),
    ("Client.send_downlink", lambda client: send(client, timeout=0), None, InputError),
    ("Client.send_downlink", send, "downlinks=drop-after", DownlinkOutcomeUnknown),
    ("Client.send_downlink", send, "downlinks=status:400", KpnThingsError),
    ("Client.send_senml", lambda client: client.send_senml([]), None, InputError),
    ("Client.send_senml", senml, "downlinks=drop-after", DownlinkOutcomeUnknown),
    ("Client.send_senml", senml, "downlinks=status:400", KpnThingsError),
    ("Client.context_switch", lambda client: client.context_switch(""), None, InputError),
    ("Client.context_switch", lambda client: client.context_switch("c"), "context-switch=status:403", ForbiddenError),
    ("Client.context_switch", lambda client: client.context_switch("c"), "context-switch=status:400", KpnThingsError),
    ("Client.send_downlinks", lambda client: client.send_downlinks([{}]), None, InputError),
    ("Client.send_downlinks", lambda client: client.send_downlinks([ROW], window=0), None, InputError),
    ("Client.send_downlinks", lambda client: client.send_downlinks([ROW]), "token=status:401", KpnThingsError),
    ("Client.send_downlinks", lambda client: client.send_downlinks([ROW], ledger=__file__), None, LedgerError),
    ("Client.resume_downlinks", lambda client: client.resume_downlinks(JOB, __file__, window=0), None, InputError),
    ("Client.resume_downlinks", lambda client: client.resume_downlinks(JOB, __file__), None, LedgerError),
    ("Client.request", lambda client: client.request("GET", ""), "other=status:400", ApiError),
    ("Client.request", post, "downlinks=drop-after", DownlinkOutcomeUnknown),
    ("Client.request", lambda client: client.request("G T", "/x"), None, InputError),
    ("Client.request", lambda client: client.request("GET", "/x"), "token=truncate:1", KpnThingsError),
    ("Client.request", lambda client: client.request("POST", "/x", json={1}), None, TypeError),
    ("Client.for_customer", lambda client: client.for_customer(""), None, InputError),
    ("Client.for_customers", lambda client: client.for_customers([""]), None, InputError),
    ("Client.with_options", lambda client: client.with_options(timeout=0), None, InputError),
    ("Devices.collect", lambda client: client.devices(window=0).collect(), None, InputError),
    ("Devices.pages", lambda client: client.devices(page_size=0).pages(), None, InputError),
    ("VerifiedDevices.collect", lambda client: client.devices(sort_by="name").verified().collect(), None, InputError),
    ("VerifiedDevices.batches", lambda client: client.devices(first_page=1).verified().batches(), None, InputError),
    ("Devices.collect", lambda client: client.devices().collect(), "devices=status:400", KpnThingsError),
    ("Devices.pages", lambda client: client.devices().pages(), "devices=status:400", KpnThingsError),
    ("VerifiedDevices.collect", lambda client: client.devices().verified().collect(), "devices=status:400", KpnThingsError),
    ("VerifiedDevices.batches", lambda client: client.devices().verified().batches(), "devices=status:400", KpnThingsError),
]


def method_of(name: str) -> Any:
    cls, _, method = name.partition(".")
    return getattr(getattr(kpn_things, cls), method)


@pytest.mark.parametrize(("name", "call", "fault", "kind"), FAILURES)
def test_a_listed_exception_is_raised(
    name: str, call: Call, fault: str | None, kind: type[Exception], simulator: Simulator, client: Any
) -> None:
    if fault is not None:
        simulator.add_fault(fault)
    assert kind in listed(method_of(name))
    assert isinstance(error_of(client, call), kind)


def of(client: Any) -> dict[str, Any]:
    """The listings of a client whose service returns inconsistent pages."""
    plain, verified = client.devices(page_size=10, window=1, strict=True), client.devices(page_size=10).verified()
    return {
        "Devices.collect": plain.collect,
        "Devices.pages": plain.pages,
        "VerifiedDevices.collect": verified.collect,
        "VerifiedDevices.batches": verified.batches,
    }


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("Devices.collect", {"changes": ["2=remove:1"]}, ListingError),
        ("Devices.pages", {"changes": ["2=remove:1"]}, ListingError),
        ("VerifiedDevices.collect", {"quirks": ["sort-by-uuid:ignored"]}, IncompleteError),
        ("VerifiedDevices.batches", {"quirks": ["sort-by-uuid:ignored"]}, IncompleteError),
    ],
)
def test_a_listing_whose_pages_do_not_fit_together_raises_what_is_listed(
    name: str, options: dict[str, Any], kind: type[Exception]
) -> None:
    assert kind in listed(method_of(name))
    for cls in (Client, AsyncClient):
        with Simulator(devices=45, **options) as simulator:
            client = cls.from_env(simulator.environment())
            assert isinstance(error_of(client, lambda client: of(client)[name]()), kind)


def resume(client: Any) -> Any:
    """Resumes a job that another client has begun."""
    with TemporaryDirectory() as folder, Simulator(devices=1) as simulator:
        ledger = os.path.join(folder, "run.db")
        with simulator.client() as other:
            run = other.send_downlinks([ROW], ledger=ledger)
            list(run)
        return client.resume_downlinks(run.job, ledger)


CLOSED: dict[str, Call] = {
    "Client.send_downlinks": lambda client: client.send_downlinks([ROW]),
    "Client.resume_downlinks": resume,
    "Client.send_downlink": send,
    "Client.send_senml": senml,
    "Client.context_switch": lambda client: client.context_switch("c"),
    "Client.request": post,
    "Devices.collect": lambda client: client.devices().collect(),
    "Devices.pages": lambda client: client.devices().pages(),
    "VerifiedDevices.collect": lambda client: client.devices().verified().collect(),
    "VerifiedDevices.batches": lambda client: client.devices().verified().batches(),
}


def test_every_method_that_lists_a_runtime_error_is_tried_with_a_closed_client() -> None:
    names = [(f"{cls.__name__}.{name}", getattr(cls, name)) for cls, _ in PAIRS for name in dir(cls)]
    assert {name for name, method in names if RuntimeError in listed(method)} == set(CLOSED)


@pytest.mark.parametrize("name", CLOSED)
def test_a_closed_client_raises_what_is_listed(name: str, client: Any) -> None:
    if isinstance(client, AsyncClient):
        asyncio.run(client.aclose())
    else:
        client.close()
    assert type(error_of(client, CLOSED[name])) is RuntimeError

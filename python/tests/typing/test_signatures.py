"""Both clients have the same methods and options, and their docstrings document each argument."""

from __future__ import annotations

import inspect
import pydoc
import re
import typing
from typing import Any

import pytest

import kpn_things
from kpn_things import (
    AsyncClient,
    AsyncCurrent,
    AsyncCustomerDevices,
    AsyncCustomerListing,
    AsyncDevices,
    AsyncDownlinkRun,
    AsyncForCustomers,
    AsyncItems,
    AsyncListing,
    AsyncVerifiedDevices,
    Client,
    Counts,
    Current,
    CustomerDevices,
    CustomerFleet,
    CustomerListing,
    Device,
    DeviceChange,
    DeviceDiff,
    Devices,
    DownlinkRun,
    Event,
    FieldChange,
    Fleet,
    ForCustomers,
    Items,
    Job,
    JobItem,
    Ledger,
    Listing,
    Progress,
    Receipt,
    Response,
    Sent,
    VerifiedDevices,
)
from kpn_things._options import AsyncOptions, Options
from kpn_things.testing import Simulator

ASYNC_NAMES = {"close": "aclose", "__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__"}
ASYNC_TYPES = {
    "Devices": "AsyncDevices",
    "VerifiedDevices": "AsyncVerifiedDevices",
    "ForCustomers": "AsyncForCustomers",
    "CustomerDevices": "AsyncCustomerDevices",
    "CustomerListing": "AsyncCustomerListing",
    "DownlinkRun": "AsyncDownlinkRun",
    "Current": "AsyncCurrent",
    "Items[Item]": "AsyncItems[Item]",
    "Items[Project]": "AsyncItems[Project]",
    "Items[ListedDownlink]": "AsyncItems[ListedDownlink]",
    "Iterator[_T_co]": "AsyncIterator[_T_co]",
    "Listing[Device]": "AsyncListing[Device]",
    "Listing[Page]": "AsyncListing[Page]",
    "Listing[tuple[Device, ...]]": "AsyncListing[tuple[Device, ...]]",
}

TYPED = (
    Options, AsyncOptions, Event, CustomerFleet, DeviceChange, DeviceDiff, FieldChange, Counts, Job, Progress
)

PAIRS = pytest.mark.parametrize(
    ("sync", "asynchronous"),
    [
        (Client, AsyncClient),
        (Devices, AsyncDevices),
        (VerifiedDevices, AsyncVerifiedDevices),
        (Listing, AsyncListing),
        (ForCustomers, AsyncForCustomers),
        (CustomerDevices, AsyncCustomerDevices),
        (CustomerListing, AsyncCustomerListing),
        (DownlinkRun, AsyncDownlinkRun),
        (Current, AsyncCurrent),
        (Items, AsyncItems),
    ],
)


def methods(cls: type) -> dict[str, Any]:
    """The public methods of a class, including those of its protocols."""
    names = [name for name in dir(cls) if not name.startswith("_") or name in {*ASYNC_NAMES, *ASYNC_NAMES.values()}]
    return {name: getattr(cls, name) for name in names if callable(getattr(cls, name))}


def documented(documentation: str | None) -> list[str]:
    """The names under `Args:`."""
    section = inspect.cleandoc(documentation or "").partition("Args:\n")[2].partition("\n\n")[0]
    return re.findall(r"^    (\w+): \S", section, re.MULTILINE)


def parameters(method: Any) -> list[str]:
    return [name for name in inspect.signature(method).parameters if name != "self"]


@PAIRS
def test_both_have_the_same_methods(sync: type, asynchronous: type) -> None:
    assert [ASYNC_NAMES.get(name, name) for name in methods(sync)] != []
    assert {ASYNC_NAMES.get(name, name) for name in methods(sync)} == set(methods(asynchronous))


@PAIRS
def test_methods_of_both_take_and_give_the_same(sync: type, asynchronous: type) -> None:
    for name, method in methods(sync).items():
        one = inspect.signature(method)
        other = inspect.signature(methods(asynchronous)[ASYNC_NAMES.get(name, name)])
        assert list(one.parameters.values()) == list(other.parameters.values()), name
        assert ASYNC_TYPES.get(one.return_annotation, one.return_annotation) == other.return_annotation, name


def test_methods_that_ask_the_service_are_coroutines_of_the_one_and_not_of_the_other() -> None:
    asking = {"send_downlink", "send_senml", "context_switch", "request"}
    assert {name for name, method in methods(AsyncClient).items() if inspect.iscoroutinefunction(method)} == {
        *asking,
        "aclose",
        "__aenter__",
        "__aexit__",
    }
    assert not any(inspect.iscoroutinefunction(method) for method in methods(Client).values())
    assert asking <= set(methods(Client))


def test_the_async_client_has_the_options_of_the_other_and_two_more() -> None:
    one, other = (dict(inspect.signature(cls).parameters) for cls in (Client, AsyncClient))
    assert {parameter.kind for parameter in other.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert {parameter.default for parameter in other.values()} == {None}
    assert set(other) - set(one) == {"max_connections", "pool_timeout"}
    assert {name: other[name] for name in one} == one


@pytest.mark.parametrize(("cls", "options"), [(Client, Options), (AsyncClient, AsyncOptions)])
def test_the_signature_of_a_client_is_that_of_its_options(cls: type, options: Any) -> None:
    constructor = {name: parameter.annotation for name, parameter in inspect.signature(cls).parameters.items()}
    assert {name: option.__forward_arg__ for name, option in options.__annotations__.items()} == constructor
    assert options.__total__ is False


def test_every_option_is_documented_in_its_order() -> None:
    names = [re.findall(r"^(\w+): \S", inspect.getdoc(cls) or "", re.MULTILINE) for cls in (Options, AsyncOptions)]
    assert names[0] == list(Options.__annotations__)
    assert [*names[0], *names[1]] == list(AsyncOptions.__annotations__)
    assert documented(Simulator.__doc__) == list(inspect.signature(Simulator).parameters)


@pytest.mark.parametrize(
    "cls",
    [
        Client, AsyncClient, Simulator, Listing, Fleet, Device, Receipt, Response, DownlinkRun, AsyncDownlinkRun, Ledger,
        Sent, JobItem,
    ],
)
def test_type_hints_of_every_public_function_can_be_resolved(cls: type) -> None:
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("_") or name in ("__init__", "__enter__", "__aenter__"):
            assert "return" in typing.get_type_hints(method), name
            assert inspect.signature(method, eval_str=True), name


@pytest.mark.parametrize("cls", [Client, AsyncClient, Simulator])
def test_every_parameter_is_documented_in_its_order(cls: type) -> None:
    for name, method in methods(cls).items():
        if not name.startswith("_"):
            assert method.__doc__, name
            assert documented(method.__doc__) == parameters(method), name


@PAIRS
def test_parameters_of_both_are_documented_in_the_same_words(sync: type, asynchronous: type) -> None:
    for name, method in methods(sync).items():
        other = methods(asynchronous)[ASYNC_NAMES.get(name, name)]
        args = [(one.__doc__ or "").partition("Args:")[2] for one in (method, other)]
        assert args[0] == args[1], name


def test_what_is_optional_has_a_name_in_every_call() -> None:
    for cls in (Client, AsyncClient):
        for name, method in methods(cls).items():
            if name.startswith("_") or name in ("from_env", "from_postman_environment"):
                continue
            for parameter in inspect.signature(method).parameters.values():
                if parameter.default is not inspect.Parameter.empty:
                    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, f"{name}({parameter})"


@pytest.mark.parametrize("name", kpn_things.__all__)
def test_everything_public_is_documented_and_known_by_its_public_name(name: str) -> None:
    thing = getattr(kpn_things, name)
    if name != "__version__":
        assert thing.__doc__
        # The type hints of the classes in `TYPED` are resolved in the module that defines them.
        assert thing.__module__ in ("kpn_things", "kpn_things.errors") or thing in TYPED
        assert thing.__qualname__ == name


def test_help_shows_how_a_client_is_made() -> None:
    text = pydoc.plain(pydoc.render_doc(Client))
    assert text.startswith("Python Library Documentation: class Client in module kpn_things")
    for line in ("class Client(kpn_things._base.BaseClient)", "client = Client.from_env()", "from_env(", "send_downlink("):
        assert line in text

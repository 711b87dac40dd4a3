"""Both clients have the same methods and options, and their documentation names each of them."""

from __future__ import annotations

import inspect
import pydoc
import re
from typing import Any

import pytest

import kpn_things
from kpn_things import (
    AsyncClient,
    AsyncDevices,
    AsyncListing,
    AsyncVerifiedDevices,
    Client,
    Devices,
    Listing,
    VerifiedDevices,
)
from kpn_things._options import Options
from kpn_things.testing import Simulator

ASYNC_NAMES = {"close": "aclose", "__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__"}
ASYNC_TYPES = {
    "Devices": "AsyncDevices",
    "VerifiedDevices": "AsyncVerifiedDevices",
    "Listing[Device]": "AsyncListing[Device]",
    "Listing[Page]": "AsyncListing[Page]",
    "Listing[tuple[Device, ...]]": "AsyncListing[tuple[Device, ...]]",
}

PAIRS = pytest.mark.parametrize(
    ("sync", "asynchronous"),
    [(Client, AsyncClient), (Devices, AsyncDevices), (VerifiedDevices, AsyncVerifiedDevices), (Listing, AsyncListing)],
)


def methods(cls: type) -> dict[str, Any]:
    """The public methods of a class, and those of its protocols."""
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


def test_both_are_made_of_the_same_options() -> None:
    one, other = inspect.signature(Client), inspect.signature(AsyncClient)
    assert one == other
    assert {parameter.kind for parameter in one.parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert {parameter.default for parameter in one.parameters.values()} == {None}


def test_options_for_type_checkers_are_those_of_the_constructor() -> None:
    constructor = {name: parameter.annotation for name, parameter in inspect.signature(Client).parameters.items()}
    assert {name: option.__forward_arg__ for name, option in Options.__annotations__.items()} == constructor
    assert Options.__total__ is False


@pytest.mark.parametrize("cls", [Client, AsyncClient, Simulator])
def test_every_option_is_documented_in_its_order(cls: type) -> None:
    assert documented(cls.__doc__) == list(inspect.signature(cls).parameters)


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
        assert thing.__module__ in ("kpn_things", "kpn_things.errors")
        assert thing.__qualname__ == name


def test_help_shows_how_a_client_is_made() -> None:
    text = pydoc.plain(pydoc.render_doc(Client))
    assert text.startswith("Python Library Documentation: class Client in module kpn_things")
    for line in ("class Client(kpn_things._base.BaseClient)", "client = Client.from_env()", "from_env(", "send_downlink("):
        assert line in text

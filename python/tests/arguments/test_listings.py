"""Arguments of a listing. An omitted argument is not sent, and an invalid one raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kpn_things import Client, InputError
from kpn_things.testing import Simulator


def query(client: Client, simulator: Simulator, **given: Any) -> dict[str, str]:
    """The query of the request."""
    client.devices(**given).collect()
    return simulator.requests[-1].query


def test_what_is_not_given_is_not_sent(client: Client, simulator: Simulator) -> None:
    assert query(client, simulator) == {"currentPage": "0", "pageSize": "100", "sortBy": "uuid"}
    given = {"search": None, "sort_by": None, "descending": None, "page_size": None, "timeout": None,
             "deadline": None}
    assert query(client, simulator, **given) == {"currentPage": "0", "pageSize": "100", "sortBy": "uuid"}


def test_what_is_given_is_sent(client: Client, simulator: Simulator) -> None:
    given = {"search": "a b", "sort_by": "uuid", "descending": True, "page_size": 7}
    assert query(client, simulator, **given) == {
        "currentPage": "0",
        "search": "a b",
        "sortBy": "uuid",
        "sortOrder": "DESC",
        "pageSize": "7",
    }
    assert query(client, simulator, descending=False)["sortOrder"] == "ASC"


def test_an_empty_search_is_sent_and_finds_everything(client: Client, simulator: Simulator) -> None:
    assert query(client, simulator, search="")["search"] == ""
    assert len(client.devices(search="").collect()) == 3


@given(st.text())
@example("a\r\nb\0")
@example("%&=+é")
def test_any_text_is_searched_for_as_it_is(client: Client, simulator: Simulator, text: str) -> None:
    assert query(client, simulator, search=text)["search"] == text


@pytest.mark.parametrize("name", ["page_size", "window"])
@pytest.mark.parametrize("wrong", [-1, 2**32, 2**70])
def test_a_number_that_cannot_be_right_is_refused_at_once(name: str, wrong: Any, client: Client) -> None:
    with pytest.raises(InputError, match=f"{name} is (negative|too large)"):
        client.devices(**{name: wrong})


@pytest.mark.parametrize("name", ["page_size", "window"])
@pytest.mark.parametrize("wrong", [True, "5", 5.0, [5]])
def test_what_is_no_int_is_refused_at_once(name: str, wrong: Any, client: Client) -> None:
    with pytest.raises(TypeError, match=f"{name} is of type {type(wrong).__name__}: pass an int"):
        client.devices(**{name: wrong})


@pytest.mark.parametrize("given", [{"page_size": 0}, {"sort_by": ""}])
def test_what_the_service_has_not_is_refused_when_it_would_be_asked(
    given: dict[str, Any], client: Client, simulator: Simulator
) -> None:
    before = simulator.calls()
    with pytest.raises(InputError):
        client.devices(**given).collect()
    assert simulator.calls() == before


@pytest.mark.parametrize("timeout", [0, -1, 0.0, float("nan"), float("inf"), float("-inf"), 1e300, -(10**30)])
def test_a_time_that_cannot_be_right_is_refused_by_every_call(timeout: float, client: Client, simulator: Simulator) -> None:
    before = simulator.calls()
    for call in (
        lambda: client.devices(timeout=timeout).collect(),
        lambda: client.send_downlink("0059AC0000181EB6", b"\x01", port=1, timeout=timeout),
        lambda: client.send_senml([{"n": "a", "v": 1}], device="0059AC0000181EB6", timeout=timeout),
        lambda: client.context_switch(simulator.customers[0], timeout=timeout),
        lambda: client.request("GET", "/", timeout=timeout),
    ):
        with pytest.raises(InputError, match="timeout is .*: pass a finite number of seconds above 0"):
            call()
    assert simulator.calls() == before


@pytest.mark.parametrize("timeout", ["1", [1], 1j, {}])
def test_a_time_is_a_number(timeout: Any, client: Client) -> None:
    with pytest.raises(TypeError):
        client.devices(timeout=timeout).collect()


def test_a_very_long_time_is_no_mistake(client: Client) -> None:
    assert len(client.devices(timeout=1e15).collect()) == 3


@given(st.text())
@example("..")
@example("a/b")
@example("a?b")
@example("a\r\nb")
def test_any_text_is_the_id_of_a_customer_or_refused(client: Client, simulator: Simulator, text: str) -> None:
    illegal = not text or text in (".", "..") or any(not "!" <= char <= "~" or char in "/\\?#%" for char in text)
    before = simulator.calls()
    if illegal:
        with pytest.raises(InputError, match="customer id"):
            client.for_customer(text)
        with pytest.raises(InputError, match="customer id"):
            client.context_switch(text)
    else:
        client.for_customer(text)
    assert simulator.calls() == before

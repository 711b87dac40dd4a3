"""Headers: a mapping that ignores the case of names, on responses, receipts and errors."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kpn_things import DownlinkOutcomeUnknown, Headers, NotFoundError, Receipt, Response
from kpn_things.testing import Simulator

ACCEPT = {"Accept": "application/vnd.kpnthings.device.v1.response+json"}

LINKS = Headers([("Content-Type", "text/html"), ("Link", "<a>"), ("LINK", "<b>")])


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE"])
def test_names_are_read_in_any_case(name: str) -> None:
    assert LINKS[name] == LINKS.get(name) == "text/html"
    assert name in LINKS
    assert LINKS.get_all(name) == ("text/html",)


def test_values_of_one_name_are_joined_or_read_one_by_one() -> None:
    assert LINKS["link"] == "<a>, <b>"
    assert LINKS.get_all("Link") == ("<a>", "<b>")
    assert LINKS.get_all("x-other") == ()
    assert Headers(LINKS).get_all("Link") == ("<a>", "<b>")


def test_it_is_a_read_only_mapping() -> None:
    assert isinstance(LINKS, Mapping)
    assert dict(LINKS) == {"content-type": "text/html", "link": "<a>, <b>"}
    assert list(LINKS) == ["content-type", "link"]
    assert len(LINKS) == 2
    assert not Headers()
    assert "x-other" not in LINKS
    assert not LINKS.__contains__(5)
    assert LINKS.get(5) is None  # type: ignore[call-overload]
    assert LINKS.get("x-other", "none") == "none"
    with pytest.raises(KeyError, match="X-Other"):
        LINKS["X-Other"]
    with pytest.raises(TypeError):
        LINKS["x-other"] = "a"  # type: ignore[index]
    with pytest.raises(AttributeError):
        LINKS.other = "a"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ("a=b", "headers is of type str: pass a mapping, or pairs of a name and a value"),
        ({"a": 5}, "headers['a'] is of type int: pass a str"),
        ([("a", None)], "headers['a'] is of type NoneType: pass a str"),
    ],
)
def test_headers_of_a_wrong_type_are_named(headers: Any, reason: str) -> None:
    for make in Headers, lambda headers: Receipt(201, headers=headers):
        with pytest.raises(TypeError) as caught:
            make(headers)
        assert str(caught.value) == reason


def test_headers_compare_by_value_in_any_case() -> None:
    assert Headers({"A": "1"}) == Headers([("a", "1")]) == {"A": "1"}
    assert hash(Headers({"A": "1"})) == hash(Headers({"a": "1"}))
    assert LINKS == {"content-type": "text/html", "LINK": "<a>, <b>"}
    assert LINKS != Headers({"content-type": "text/html", "link": "<a>, <b>"})
    assert Headers({"a": "1"}) != {"a": "2"}
    assert Headers({"a": "1"}) != {5: "1"}
    assert Headers({"a": "1"}) != [("a", "1")]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_headers_can_be_pickled(protocol: int) -> None:
    assert pickle.loads(pickle.dumps(LINKS, protocol)) == LINKS


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_headers_can_be_copied(again: Callable[[Headers], Headers]) -> None:
    assert again(LINKS) == LINKS


@pytest.mark.parametrize("name", ["Set-Cookie", "Cookie", "Authorization", "Proxy-Authorization"])
def test_the_repr_hides_credentials(name: str) -> None:
    headers = Headers({name: "canary", "A": "b"})
    assert repr(headers) == str(headers) == f"Headers({{'{name.lower()}': '[hidden]', 'a': 'b'}})"


def test_a_response_has_headers() -> None:
    with Simulator(devices=1) as simulator, simulator.client() as client:
        response = client.request("GET", "/api/devices", headers=ACCEPT)
    assert isinstance(response.headers, Headers)
    assert response.headers["Content-Type"].startswith("application/")
    assert response.headers is response.headers


@pytest.mark.parametrize("headers", [{"X-Request-Id": "7"}, [("x-request-id", "7")], Headers({"X-Request-Id": "7"})])
def test_models_are_made_with_headers_of_any_form(headers: Any) -> None:
    for model in Response(200, b"", headers), Receipt(201, headers=headers):
        assert model.headers == {"x-request-id": "7"}
        assert type(model.to_dict()["headers"]) is dict
        assert pickle.loads(pickle.dumps(model)) == model
    assert Response(200, b"", headers) != Response(200, b"")
    assert Receipt(201, headers=headers) != Receipt(201)
    assert Receipt(201).headers == Response(200, b"").headers == {}


def test_errors_have_headers() -> None:
    refusal = "status:404,X-Request-Id:7,Link:<a>,Link:<b>"
    with Simulator(faults=[f"devices={refusal}", "downlinks=status:500,X-Request-Id:8"]) as simulator:
        with simulator.client(max_attempts=1) as client:
            with pytest.raises(NotFoundError) as missing:
                client.devices().collect()
            with pytest.raises(DownlinkOutcomeUnknown) as unknown:
                client.send_downlink("0059AC0000181EB6", b"\x01", port=1)
    assert missing.value.headers["X-Request-ID"] == "7"
    assert pickle.loads(pickle.dumps(missing.value)).headers == missing.value.headers
    assert unknown.value.headers["x-request-id"] == "8"
    assert NotFoundError("not found").headers == {}

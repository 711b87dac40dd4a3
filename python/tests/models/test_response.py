"""The response to a raw request."""

from __future__ import annotations

import pytest

from kpn_things import Response, TooDeepError
from kpn_things.testing import Simulator

ACCEPT = {"Accept": "application/vnd.kpnthings.device.v1.response+json"}


def test_an_answer_comes_with_all_that_http_says() -> None:
    with Simulator(devices=1, faults=["devices@1=status:503,Retry-After:0"]) as simulator, simulator.client() as client:
        response = client.request("GET", "/api/devices", headers=ACCEPT)
    assert response.status == 200
    assert response.headers["content-type"].startswith("application/")
    assert response.json()["totalElements"] == 1
    assert response.content == response.text.encode()
    assert response.attempts == 2
    assert response.elapsed > 0


def test_json_is_read_exactly_as_python_reads_it() -> None:
    response = Response(200, b'{"b":1267650600228229401496703205376,"a":0.1}')
    assert response.json() == {"b": 2**100, "a": 0.1}
    assert list(response.json()) == ["b", "a"]


@pytest.mark.parametrize("content", [b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000])
def test_json_that_is_too_deep_says_so(content: bytes) -> None:
    with pytest.raises(TooDeepError, match="nested too deeply"):
        Response(200, content).json()


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"a"', b"\xff"])
def test_json_of_anything_else_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        Response(200, content).json()


def test_text_replaces_what_is_not_utf_8() -> None:
    assert Response(200, b"caf\xc3\xa9 \xff").text == "café �"


def test_a_dict_has_all_fields() -> None:
    assert Response(201, b"x", [("A", "b")], 3, 0.25).to_dict() == {
        "status": 201,
        "content": b"x",
        "headers": {"a": "b"},
        "attempts": 3,
        "elapsed": 0.25,
    }


def test_the_repr_shows_neither_content_nor_headers() -> None:
    response = Response(200, b"secret", [("Set-Cookie", "secret")])
    assert repr(response) == "Response(status=200, content=<6 bytes>)"


def test_responses_are_matched_by_status_and_content() -> None:
    match Response(204, b""):
        case Response(204, b""):
            pass
        case _:
            pytest.fail("no match")

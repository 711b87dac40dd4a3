"""Raw requests: what is sent, and what raises before anything is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kpn_things import Client, InputError, KpnThingsError, NotFoundError
from kpn_things.testing import ReceivedRequest, Simulator

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
VISIBLE = re.compile(r"[!-~]([ -~]*[!-~])?", re.ASCII)


def sent(client: Client, simulator: Simulator, method: str = "GET", **given: Any) -> ReceivedRequest:
    """The request as the simulator receives it. The simulator does not have this path."""
    before = simulator.calls("other")
    with pytest.raises(NotFoundError):
        client.request(method, "/nowhere", **given)
    assert simulator.calls("other") == before + 1
    return simulator.requests[-1]


def refused(client: Client, simulator: Simulator, expected: type[Exception], *call: Any, **given: Any) -> str:
    """Makes a call that is refused before anything is sent, and returns the reason."""
    before = simulator.calls()
    with pytest.raises(expected) as caught:
        client.request(*(call or ("GET", "/nowhere")), **given)
    assert type(caught.value) is expected
    assert simulator.calls() == before
    return str(caught.value)


@given(st.dictionaries(st.text(), st.text(), max_size=3))
@example({"search": "a&b=c d\r\n\0é%", "": "", "+": "%2F"})
def test_parameters_arrive_as_they_were_given(client: Client, simulator: Simulator, params: dict[str, str]) -> None:
    request = sent(client, simulator, params=params)
    assert request.query == params
    assert request.target.isascii()
    assert request.target.isprintable()
    assert " " not in request.target


def test_a_name_can_be_given_several_times_in_pairs(client: Client, simulator: Simulator) -> None:
    request = sent(client, simulator, params=[("id", "a"), ("id", "b"), ("limit", 5)])
    assert request.target == "/nowhere?id=a&id=b&limit=5"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *(("a", "a"), ("", ""), (0, "0"), (-7, "-7"), (2**70, str(2**70)), (1.5, "1.5"), (Fraction(1, 4), "0.25")),
        *((True, "true"), (False, "false")),
    ],
)
def test_values_are_texts_and_numbers(value: Any, text: str, client: Client, simulator: Simulator) -> None:
    assert sent(client, simulator, params={"x": value}).query == {"x": text}
    if text:
        assert sent(client, simulator, headers={"x-note": value}).header("x-note") == text


def test_a_number_of_numpy_is_a_number(client: Client, simulator: Simulator) -> None:
    numpy = pytest.importorskip("numpy")
    params = {"limit": numpy.int64(5), "ratio": numpy.float64(0.5)}
    assert sent(client, simulator, params=params).query == {"limit": "5", "ratio": "0.5"}


def test_what_is_none_is_not_given(client: Client, simulator: Simulator) -> None:
    request = sent(client, simulator, params={"a": None, "b": "None"}, headers={"x-note": None, "x-other": "b"})
    assert request.query == {"b": "None"}
    assert request.header("x-note") is None
    assert request.header("x-other") == "b"
    assert sent(client, simulator, params=None, headers=None, json=None, content=None).target == "/nowhere"
    assert sent(client, simulator, params={}).target == "/nowhere"


@pytest.mark.parametrize(
    ("where", "value"),
    [
        *(("params", value) for value in ({"a": 1}, b"a", {1}, object(), iter("a"))),
        *(("headers", value) for value in (["a", "b"], ("a",), {"a": 1}, b"a", {1}, object())),
    ],
)
def test_values_of_another_type_are_refused_by_their_name(
    where: str, value: object, client: Client, simulator: Simulator
) -> None:
    reason = refused(client, simulator, TypeError, **{where: {"x-note": value}})
    assert reason.startswith(f"{where}['x-note'] is of type {type(value).__name__}")


@pytest.mark.parametrize("values", [["a", 2, True], ("a", 2, True), ["a", None, 2, True]])
def test_a_sequence_repeats_its_parameter(values: Sequence[Any], call: Callable[..., Any], simulator: Simulator) -> None:
    for params in {"id": values, "limit": 5}, [("id", values), ("limit", 5)]:
        with pytest.raises(NotFoundError):
            call("request", "GET", "/nowhere", params=params)
        assert simulator.requests[-1].target == "/nowhere?id=a&id=2&id=true&limit=5"


def test_an_empty_sequence_is_no_parameter(client: Client, simulator: Simulator) -> None:
    assert sent(client, simulator, params={"id": [], "limit": 5}).query == {"limit": "5"}


def test_a_sequence_of_sequences_is_refused_by_its_place(client: Client, simulator: Simulator) -> None:
    reason = refused(client, simulator, TypeError, params={"id": ["a", ["b"]]})
    assert reason == "params['id'][1] is of type list: pass a str or a number"


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.10", "1.10"), ("1E-7", "0.0000001"), ("1E+3", "1000"), ("-0", "-0"), ("0.1", "0.1"), ("12345678901234567890.5",) * 2],
)
def test_a_decimal_keeps_its_digits(number: str, text: str, call: Callable[..., Any], simulator: Simulator) -> None:
    with pytest.raises(NotFoundError):
        call("request", "GET", "/nowhere", params={"x": Decimal(number)}, headers={"x-note": Decimal(number)})
    assert simulator.requests[-1].query == {"x": text}
    assert simulator.requests[-1].header("x-note") == text


@pytest.mark.parametrize("method", ["get", "GET", "Get", "delete", "options"])
def test_a_method_is_sent_in_upper_case(method: str, call: Callable[..., Any], simulator: Simulator) -> None:
    with pytest.raises(NotFoundError):
        call("request", method, "/nowhere")
    assert simulator.requests[-1].method == method.upper()


@pytest.mark.parametrize("where", ["params", "headers"])
def test_a_text_is_neither_a_mapping_nor_pairs(where: str, client: Client, simulator: Simulator) -> None:
    for wrong in "a=b", b"a=b", 5, [1], ["abc"], [("a", "b", "c")]:
        reason = refused(client, simulator, TypeError, **{where: wrong})
        assert reason == f"{where} is of type {type(wrong).__name__}: pass a mapping, or pairs of a name and a value"
    reason = refused(client, simulator, TypeError, **{where: {1: "a"}})
    assert reason == f"a name in {where} is of type int: pass a str"


@given(st.text() | st.text("\t\r\n\0\x7f\x1b ab", max_size=5))
@example("a\r\nAuthorization: Bearer mine")
@example("a\nb")
@example("a\0")
@example("")
def test_any_text_is_the_value_of_a_header_or_refused(client: Client, simulator: Simulator, value: str) -> None:
    if value == "" or VISIBLE.fullmatch(value):
        assert sent(client, simulator, headers={"x-note": value}).header("x-note") == value
    else:
        assert "header" in refused(client, simulator, InputError, headers={"x-note": value})


@given(st.text(min_size=1) | st.text("\r\n\0: ab-", max_size=5))
@example("")
@example("x-note\r\nx-other")
@example("x note")
@example("x-note:")
def test_any_text_is_the_name_of_a_header_or_refused(client: Client, simulator: Simulator, name: str) -> None:
    assume(name.lower() not in ("te", "expect", "upgrade", "trailer", "keep-alive"))
    if NAME.fullmatch(name):
        assert sent(client, simulator, headers={name: "b"}).header(name) == "b"
    else:
        assert "header" in refused(client, simulator, InputError, headers={name: "b"})


@pytest.mark.parametrize(
    "name",
    ["Authorization", "X-Client-Id", "KPN-Things-Security-Context", "Host", "Content-Length", "Transfer-Encoding"],
)
def test_headers_of_the_client_cannot_be_set(name: str, client: Client, simulator: Simulator) -> None:
    assert name.lower() in refused(client, simulator, InputError, headers={name: "b"})


@given(st.text())
@example("/..")
@example("/a/%2e%2E/b")
@example("//evil.example/")
@example("https://evil.example/")
@example("/a b/é?x=1")
@example("/a\r\nb")
@example("/#")
@example("")
@example("devices")
@example("..")
@example("C:/Program Files/Git/devices")
@example("/100%")
def test_any_text_is_a_path_below_the_base_url_or_refused(client: Client, simulator: Simulator, path: str) -> None:
    if (
        re.search(r"[\\#\x00-\x1f\x7f-\x9f]", path)
        or re.search(r"(^|/)(\.|%2e){1,2}(/|$)", path.partition("?")[0], re.I)
        or re.match(r"[a-z0-9+.-]+://|[a-z]:/", path, re.I)
    ):
        assert "path" in refused(client, simulator, InputError, "GET", path)
        return
    try:
        client.request("GET", path)
    except KpnThingsError as error:
        assert not isinstance(error, InputError), error
    assert re.match("/(?!/)", simulator.requests[-1].target)
    assert simulator.requests[-1].header("host") == simulator.url.removeprefix("http://")


@given(st.text())
@example("")
@example("GET /\r\n")
@example("GE T")
@example("ß")
def test_any_text_is_a_method_or_refused(client: Client, simulator: Simulator, method: str) -> None:
    assume(not NAME.fullmatch(method))
    assert "method" in refused(client, simulator, InputError, method, "/nowhere")


def test_plain_data_that_is_nested_too_deeply_is_refused_by_its_name(client: Client, simulator: Simulator) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert refused(client, simulator, InputError, "POST", "/nowhere", json=deep).startswith("json cannot be written")
    with pytest.raises(InputError, match="records cannot be written as JSON: it is nested too deeply"):
        client.send_senml(deep)


def test_a_body_is_json_or_bytes_and_not_both(client: Client, simulator: Simulator) -> None:
    request = sent(client, simulator, "POST", json={"a": [1, None, "é"]})
    assert request.header("content-type") == "application/json"
    assert request.header("content-length") == str(len('{"a":[1,null,"é"]}'.encode()))
    request = sent(client, simulator, "POST", content=b"a,b", headers={"Content-Type": "text/csv"})
    assert request.header("content-type") == "text/csv"
    assert request.header("content-length") == "3"
    reason = refused(client, simulator, InputError, "POST", "/nowhere", content=b"{'a': 1}")
    assert "body is not JSON (line 1, column 2)" in reason
    reason = refused(client, simulator, TypeError, "POST", "/nowhere", json={}, content=b"")
    assert reason == "json and content are both given: pass one of them"


@pytest.mark.parametrize("value", [False, 0, "", [], {}])
def test_a_body_that_is_false_is_still_a_body(value: object, client: Client, simulator: Simulator) -> None:
    assert sent(client, simulator, "POST", json=value).header("content-length") == str(len(json.dumps(value)))


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], "\ud800"])
def test_what_json_cannot_say_is_refused(value: object, client: Client, simulator: Simulator) -> None:
    assert "JSON" in refused(client, simulator, InputError, "POST", "/nowhere", json=value)


def test_a_circle_is_refused(client: Client, simulator: Simulator) -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert "Circular" in refused(client, simulator, InputError, "POST", "/nowhere", json=circle)


@pytest.mark.parametrize("value", [{1}, object(), b"bytes", 1j])
def test_what_is_no_plain_data_is_a_type_error(value: object, client: Client, simulator: Simulator) -> None:
    reason = refused(client, simulator, TypeError, "POST", "/nowhere", json=value)
    assert reason.startswith("json cannot be written as JSON: ")


def test_a_text_is_no_content(client: Client, simulator: Simulator) -> None:
    assert "content.encode()" in refused(client, simulator, TypeError, "POST", "/nowhere", content="a")


def test_a_read_has_no_body(client: Client, simulator: Simulator) -> None:
    assert "POST" in refused(client, simulator, InputError, "GET", "/nowhere", json={})

"""Any response from GRIP and from KPN Things leads to a result or an exception, and never to a panic."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from behaviour.service import SECRET, TOKEN, Answer, Request, Service, plain
from hypothesis import example, given
from hypothesis import strategies as st

from kpn_things import AsyncClient, Client, DecodeError, Fleet, KpnThingsError, Receipt, Response

from .examples import JSON, REPEATED, attempt, examples

CLIENTS = pytest.mark.parametrize("cls", [Client, AsyncClient])

STATUSES = st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503]) | st.integers(200, 599)
TEXTS = st.none() | st.text(max_size=8)
NUMBERS = st.none() | st.integers(0, 3) | st.integers(0, 2**64 - 1)
DEVICE = st.fixed_dictionaries({"uuid": st.text(max_size=8)}, optional={"name": TEXTS, "metadata": JSON, "other": JSON})
PAGE = st.fixed_dictionaries(
    {"content": st.lists(DEVICE | JSON, max_size=3)},
    optional={
        "number": NUMBERS,
        "size": NUMBERS,
        "totalPages": NUMBERS,
        "totalElements": NUMBERS,
        "first": st.booleans(),
        "last": st.booleans(),
        "sort": JSON,
    },
)
REFUSALS = st.builds(lambda error, description: {"error": error, "error_description": description}, REPEATED, REPEATED)
BODIES = (
    st.binary(max_size=100)
    | REPEATED.map(str.encode)
    | (PAGE | JSON | REFUSALS).map(lambda body: json.dumps(body).encode())
    | (PAGE | REFUSALS).map(lambda body: json.dumps(body, ensure_ascii=False).encode()[:-1])
)
HEADERS = st.lists(
    st.sampled_from(
        [
            "Retry-After: 0",
            "Retry-After: 99999999999999999999",
            "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT",
            "Retry-After: soon",
            "Location: https://elsewhere.example/",
            "Content-Encoding: gzip",
            "Set-Cookie: a=b",
            "X-Request-Id: \x80\xff",
        ]
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


def calls(client: Any) -> list[Callable[[], Any]]:
    """One call of each kind."""
    return [
        lambda: client.devices().collect(),
        lambda: client.send_downlink("0059AC0000181EB6", b"\x01", port=1, external_reference="a"),
        lambda: client.send_senml([{"bn": "urn:dev:", "n": "open", "vb": True}]),
        lambda: client.request("GET", "/x"),
        lambda: client.context_switch("customer"),
        lambda: client.for_customer("customer").request("PUT", "/x", json={}),
    ]


def ask(
    cls: type[Client],
    service: Service,
    answers: Callable[[Request], Answer],
    *,
    hidden: tuple[str, ...] = (SECRET, TOKEN),
    leaves: bool = False,
) -> list[Any]:
    """The results of one call of each kind, made by a new client that never retries."""
    service.answers = answers
    service.leaves = lambda request: leaves and not is_token(request)
    came = []
    for place in range(6):
        client: Any = cls(**service.settings(), max_attempts=1, timeout=20)
        came.append(attempt(calls(client)[place], hidden))
        attempt(client.close if cls is Client else client.aclose)
    return came


def is_token(request: Request) -> bool:
    return request.path.endswith("/token")


def whole(status: int, body: bytes, headers: list[str]) -> list[bytes]:
    """A response. Statuses that allow no body get none."""
    return [plain(status, b"" if status in (204, 304) else body, *headers)]


@CLIENTS
@examples
@given(status=STATUSES, body=BODIES, headers=HEADERS)
@example(status=400, body=b'{"error":"canary-token\\u002d0123456789"}', headers=[])
def test_any_answer_of_the_service_is_a_result_or_an_error(
    cls: type[Client], service: Service, status: int, body: bytes, headers: list[str]
) -> None:
    came = ask(cls, service, lambda request: None if is_token(request) else whole(status, body, headers))
    devices, downlink, senml, response, _, put = came
    if 200 <= status < 300:
        assert isinstance(devices, (Fleet, KpnThingsError))
        assert isinstance(downlink, Receipt) and isinstance(senml, Receipt)
        assert isinstance(response, Response) and isinstance(put, Response)
        assert isinstance(attempt(response.json), (object, DecodeError))
        list(devices) if isinstance(devices, Fleet) else None
    else:
        assert all(isinstance(one, KpnThingsError) and one.status == status for one in came)
        assert downlink.outcome in ("not_sent", "unknown") and devices.outcome is None


@CLIENTS
@examples
@given(
    status=STATUSES,
    body=BODIES
    | st.builds(lambda token, life: json.dumps({"access_token": token, "expires_in": life}).encode(), TEXTS, JSON),
    headers=HEADERS,
)
def test_any_answer_of_the_identity_service_is_a_token_or_an_error(
    cls: type[Client], service: Service, status: int, body: bytes, headers: list[str]
) -> None:
    # Before GRIP issues a token, its responses contain none, and errors may show them. The check for shown tokens looks
    # for the token of the tests, so the body must not contain it.
    answer = whole(status, body.replace(TOKEN.encode(), b"some-other-token"), headers)
    came = ask(cls, service, lambda request: answer if is_token(request) else None, hidden=(SECRET,))
    for one in came:
        assert not isinstance(one, KpnThingsError) or (one.stage == "token" and one.outcome in (None, "not_sent"))


@CLIENTS
@examples
@given(
    st.binary(max_size=60)
    | st.tuples(STATUSES, st.binary(max_size=40), st.binary(max_size=20)).map(b"HTTP/1.1 %d OK\r\n%s\r\n%s".__mod__)
    | (st.binary(max_size=30) | st.just(b"1\r\na\r\n0\r\n\r\n")).map(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s".__mod__
    )
)
def test_any_bytes_are_an_answer_or_an_error(cls: type[Client], service: Service, sent: bytes) -> None:
    came = ask(cls, service, lambda request: None if is_token(request) else [sent], leaves=True)
    assert isinstance(came[0], (Fleet, KpnThingsError)) and isinstance(came[1], (Receipt, KpnThingsError))
    assert not any(isinstance(one, (TypeError, ValueError)) and not isinstance(one, KpnThingsError) for one in came)

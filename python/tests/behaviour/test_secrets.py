"""What is shown, logged or raised holds neither secret nor token nor payload."""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from kpn_things import AsyncClient, Client, KpnThingsError

from .service import SECRET, TOKEN, Request, Service

CONTEXT = "canary-context-0123456789"
QUERY = "canary-query"
PAYLOAD = bytes.fromhex("cafebabe0123456789cafebabe")
CANARIES = [SECRET, TOKEN, CONTEXT, PAYLOAD.hex(), PAYLOAD.hex().upper(), repr(PAYLOAD)[2:-1], QUERY]


def assert_clean(text: str) -> None:
    assert [canary for canary in CANARIES if canary in text] == []


def tell_all(request: Request) -> tuple[int, bytes] | None:
    """Answers with every status, and repeats what it should not."""
    told = f'{{"message": "{SECRET} {TOKEN}"}}'.encode()
    if request.path.startswith("/status-"):
        return int(request.path[-3:]), told
    return None


def refuse_the_token(request: Request) -> tuple[int, bytes] | None:
    return (401, b'{"error": "invalid_client", "echo": %s}' % request.body) if request.path.endswith("/token") else None


def refuse_the_downlink(request: Request) -> tuple[int, bytes] | None:
    return (500, b"{}") if request.path.endswith("/downlinks") else None


def no_json(request: Request) -> tuple[int, bytes] | None:
    return (200, f"<html>{TOKEN}".encode()) if request.path == "/api/devices" else None


Call = Callable[[Client | AsyncClient], Any]


def downlink(client: Any) -> Any:
    return client.send_downlink("0059AC0000181EB6", PAYLOAD, port=1)


def long_downlink(client: Any) -> Any:
    return client.send_downlink("0059AC0000181EB6", PAYLOAD * 100, port=1)


def collect(client: Any) -> Any:
    return client.devices(search=QUERY).collect()


def status(number: int) -> Call:
    return lambda client: client.request("GET", f"/status-{number}", params={"q": QUERY})


FAILURES: dict[str, tuple[Call, Callable[[Request], tuple[int, bytes] | None]]] = {
    "token": (downlink, refuse_the_token),
    "downlink": (downlink, refuse_the_downlink),
    "input": (long_downlink, tell_all),
    "decode": (collect, no_json),
    **{str(number): (status(number), tell_all) for number in (302, 400, 401, 403, 404, 418, 429, 500)},
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_failure_shows_nothing_secret(
    failure: str, kind: type, service: Service, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    call, service.answers = FAILURES[failure]
    client = kind(**service.settings(), security_context=CONTEXT, max_attempts=1)

    async def main() -> None:
        await call(client)

    with pytest.raises(KpnThingsError) as caught:
        asyncio.run(main()) if kind is AsyncClient else call(client)
    error = caught.value
    assert_clean("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    assert_clean(repr((error, error.args, error.__dict__)))
    assert_clean(pickle.dumps(error).decode("latin-1"))
    assert_clean("\n".join(record.getMessage() for record in caplog.records if record.name == "kpn_things"))
    assert_clean(repr((client, client._config, client._caller, client.for_customer("customer"))))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_success_shows_nothing_secret(kind: type, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = kind(**service.settings(), security_context=CONTEXT)

    async def main() -> tuple[Any, Any]:
        return await downlink(client), await collect(client)

    results = asyncio.run(main()) if kind is AsyncClient else (downlink(client), collect(client))
    assert_clean(repr(results))
    logged = [record.getMessage() for record in caplog.records if record.name == "kpn_things"]
    assert logged
    assert_clean("\n".join(logged))
    assert any(TOKEN.encode() in connection.head for connection in service.connections), "the canaries are in use"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_no_attribute_of_a_client_gives_a_secret_away(kind: type, service: Service) -> None:
    client = kind(**service.settings(), security_context=CONTEXT)
    for thing in (client, client._config, client._caller):
        for name in dir(thing):
            assert_clean(repr(getattr(thing, name)))
    assert_clean(repr(client._config.public()))


@pytest.mark.parametrize(
    "broken",
    [{"key_secret": SECRET + "\n"}, {"tenant_id": ""}, {"base_url": "http://example.com"}, {"token_url": "no"}],
)
def test_settings_that_are_refused_are_not_shown(broken: dict[str, str], service: Service) -> None:
    with pytest.raises(ValueError) as caught:
        Client(**{**service.settings(), "security_context": CONTEXT, **broken})
    assert_clean("".join(traceback.format_exception(None, caught.value, caught.value.__traceback__)))
    assert_clean(repr(caught.value.__dict__))

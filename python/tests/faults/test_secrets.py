"""Output, logs, errors, pickles and `/proc` show no secret, token or payload."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import multiprocessing
import os
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from behaviour.service import SECRET, TOKEN, Request, Service
from kpn_things import AsyncClient, Client, KpnThingsError

from .trial import Trial

CONTEXT = "canary-context-0123456789"
QUERY = "canary-query"
PAYLOAD = bytes.fromhex("cafebabe0123456789cafebabe")
CANARIES = [SECRET, TOKEN, CONTEXT, PAYLOAD.hex(), PAYLOAD.hex().upper(), repr(PAYLOAD)[2:-1], QUERY]


KINDS: dict[str, type[Client] | type[AsyncClient]] = {"python sync": Client, "python async": AsyncClient}


def forms(text: str) -> Iterator[str]:
    """Yields every form in which a canary could appear."""
    data = text.encode()
    yield from (text, repr(text)[1:-1], json.dumps(text)[1:-1], quote(text, safe=""), quote(text, safe="").lower())
    yield from (data.hex(), data.hex().upper(), " ".join(map(str, data)), ", ".join(map(str, data)))
    # The base64 of a text depends on its offset modulo three. Characters that depend on its neighbours are cut off.
    for before, cut in ((b"", 0), (b"-", 2), (b"--", 3)):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(before + data).decode()[cut : len(before + data) * 4 // 3]


def seen(text: str) -> list[str]:
    """The numbers of the canaries in a text. Their values must not appear in the output of a test."""
    return [f"canary {place}" for place, canary in enumerate(CANARIES) if any(form in text for form in forms(canary))]


def clean(trial: Trial, what: str, text: str) -> None:
    trial.holds(not seen(text), lambda: f"{what} shows {seen(text)}")


@pytest.mark.parametrize("before", [b"", b":", b"id:", b"key"])
def test_a_planted_canary_is_found_in_every_form(before: bytes) -> None:
    data = before + TOKEN.encode() + before
    planted = (TOKEN, repr(TOKEN), json.dumps({"a": TOKEN}), quote(TOKEN), data.hex(), repr(list(data)))
    for text in (*planted, base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        assert seen(f"some {text} text") == ["canary 1"], "the canary was not found"
    assert not seen("client, token, secret, canary")


def tell_all(request: Request) -> tuple[int, bytes] | None:
    """Responds with each status, and repeats what a service should not repeat."""
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


def call_by(kind: str, client: Any, work: Call) -> Any:
    async def main() -> Any:
        return await work(client)

    return work(client) if kind == "python sync" else asyncio.run(main())


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", KINDS)
def test_r25_a_failure_shows_nothing_secret(
    failure: str, kind: str, service: Service, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    work, service.answers = FAILURES[failure]
    client = KINDS[kind](**service.settings(), security_context=CONTEXT, max_attempts=1)
    with pytest.raises(KpnThingsError) as caught:
        call_by(kind, client, work)
    error = caught.value
    with Trial("R25", kind) as trial:
        clean(trial, "the traceback", "".join(traceback.format_exception(type(error), error, error.__traceback__)))
        clean(trial, "the exception", repr((error, error.args, error.__dict__)))
        clean(trial, "its pickle", pickle.dumps(error, 0).decode("latin-1") + pickle.dumps(error).decode("latin-1"))
        clean(trial, "the log", "\n".join(record.getMessage() for record in caplog.records))
        clean(trial, "the client", repr((client, client._config, client._caller, client.for_customer("customer"))))
        trial.holds(capfd.readouterr() == ("", ""), lambda: "something was printed")


@pytest.mark.parametrize("kind", KINDS)
def test_r25_a_success_shows_nothing_secret(
    kind: str, service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", SECRET)
    client = KINDS[kind].from_env({**os.environ, **service.environment()}, security_context=CONTEXT)
    results = call_by(kind, client, downlink), call_by(kind, client, collect)
    logged = [record.getMessage() for record in caplog.records if record.name == "kpn_things"]
    assert logged
    assert any(TOKEN.encode() in connection.head for connection in service.connections), "no request carried the token"
    with Trial("R25", kind) as trial:
        clean(trial, "the results", repr(results))
        clean(trial, "the log", "\n".join(record.getMessage() for record in caplog.records))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            clean(trial, "a pickle", pickle.dumps((client, results), protocol).decode("latin-1"))


def echoed(status: int) -> Callable[[Request], Iterator[bytes] | None]:
    """A response that repeats the secret, token and context in its headers and body."""
    data = f"{SECRET} {TOKEN} {CONTEXT}"
    basic = base64.b64encode(f"id:{SECRET}".encode()).decode()
    body = json.dumps({"context": CONTEXT, "authorization": f"Bearer {TOKEN}", "basic": basic})
    headers = f"X-Echo: {data}\r\nX-Url: /?t={quote(data)}\r\nX-Basic: Basic {basic}\r\nContent-Length: {len(body)}"
    response = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}\r\n\r\n{body}".encode()
    return lambda request: None if request.path.endswith("/token") else iter([response])


@pytest.mark.parametrize("status", [201, 400, 500])
@pytest.mark.parametrize("kind", KINDS)
def test_r25_a_service_that_repeats_what_it_was_sent(status: int, kind: str, service: Service) -> None:
    service.answers = echoed(status)
    client = KINDS[kind](**service.settings(), security_context=CONTEXT, max_attempts=1)
    for work in (downlink, lambda client: client.request("GET", "/x")):
        try:
            result = call_by(kind, client, work)
        except KpnThingsError as error:
            assert status != 201
            shown = repr((error, error.args, error.__dict__))
        else:
            assert status == 201
            # The content of a raw response is the caller's data, and is passed on byte for byte.
            shown = repr(result) + repr(getattr(result, "headers", None) or result.to_dict())
        with Trial("R25", kind) as trial:
            trial.holds("[redacted]" in shown or "Response" in shown, lambda: "the response repeated nothing")
            clean(trial, "the result", shown)


@pytest.mark.parametrize("kind", KINDS)
def test_r25_no_attribute_of_a_client_gives_a_secret_away(kind: str, service: Service) -> None:
    client = KINDS[kind](**service.settings(), security_context=CONTEXT)
    with Trial("R25", kind) as trial:
        for thing in (client, client._config, client._caller):
            attributes = [(name, getattr(thing, name)) for name in dir(thing)]
            clean(trial, f"an attribute of {type(thing).__name__}", repr(attributes))
        assert client._config
        clean(trial, "the content of a pickle", repr(client._config.public()))


BROKEN = [{"key_secret": SECRET + "\n"}, {"tenant_id": ""}, {"base_url": "http://example.com"}, {"token_url": "no"}]


@pytest.mark.parametrize("kind", KINDS)
def test_r25_settings_that_are_refused_are_not_shown(kind: str, service: Service) -> None:
    with Trial("R25", kind) as trial:
        for broken in BROKEN:
            with pytest.raises(ValueError) as caught:
                KINDS[kind](**{**service.settings(), "security_context": CONTEXT, **broken})
            error = caught.value
            clean(trial, "the traceback", "".join(traceback.format_exception(None, error, error.__traceback__)))
            clean(trial, "the exception", repr(error.__dict__))


def spawned(client: Any, asked: Any) -> None:
    """Runs in another process, and waits while this one inspects it."""
    asked.recv()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_r25_a_client_of_a_spawned_process_is_not_in_its_arguments(
    kind: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", SECRET)
    client = KINDS[kind](**service.settings())
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=spawned, args=(client, theirs))
    process.start()
    with Trial("R25", kind) as trial:
        for name in ("cmdline", "comm", "status"):
            clean(trial, name, Path(f"/proc/{process.pid}/{name}").read_bytes().decode("latin-1"))
            clean(trial, f"our {name}", Path(f"/proc/self/{name}").read_bytes().decode("latin-1"))
    ours.send("enough")
    process.join()
    assert process.exitcode == 0

"""Proxies from the environment: they work the same for both clients, and only the proxy gets its password."""

from __future__ import annotations

import base64
import logging
import pickle
from typing import Any

import pytest

from behaviour.service import Service
from kpn_things import ConfigError, ConnectError, Receipt, Response

from .authority import Authority
from .caller import Caller, either, told
from .proxy import TUNNEL, Proxy
from .test_downlinks import downlink
from .trial import Trial

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
USER, PASSWORD = "user", "pa55@word"
CREDENTIALS = base64.b64encode(f"{USER}:{PASSWORD}".encode())
NOWHERE = "http://127.0.0.1:1"

REFUSALS: dict[str, bytes | None] = {
    "407": b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b'Proxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n',
    "403": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "502": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n",
    "dropped": None,
}
"""Ways in which a proxy refuses a tunnel."""


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the proxies of the environment that the tests run in."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def read(client: Any) -> Any:
    return client.request("GET", "/devices")


@either
def test_r19_proxy_of_the_environment_is_used_for_https(caller: type[Caller]) -> None:
    ours = Authority("ours")
    with Trial("R19", caller.name) as trial, Service(tls=ours.server()) as service, Proxy() as proxy:
        with Proxy(tls=ours.server()) as behind_tls:
            cases: list[tuple[dict[str, str], Proxy | None]] = [
                ({"HTTPS_PROXY": proxy.url}, proxy),
                ({"https_proxy": proxy.url}, proxy),
                ({"ALL_PROXY": proxy.url}, proxy),
                ({"all_proxy": proxy.url}, proxy),
                ({"HTTPS_PROXY": proxy.url, "ALL_PROXY": NOWHERE}, proxy),
                ({"HTTPS_PROXY": f"127.0.0.1:{proxy.port}"}, proxy),
                ({"HTTPS_PROXY": behind_tls.url}, behind_tls),
                ({"HTTPS_PROXY": proxy.url, "NO_PROXY": "api.kpnthings.com"}, proxy),
                ({"HTTPS_PROXY": proxy.url, "no_proxy": "10.0.0.0/8,27.0.0.1"}, proxy),
                ({"HTTPS_PROXY": proxy.url, "no_proxy": "7.0.0.1, .0.0.1"}, proxy),
                ({"HTTPS_PROXY": "", "ALL_PROXY": ""}, None),
                ({"HTTP_PROXY": NOWHERE, "http_proxy": NOWHERE}, None),
                ({"HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1"}, None),
                ({"HTTPS_PROXY": NOWHERE, "no_proxy": "10.1.2.3, 127.0.0.0/8"}, None),
                ({"ALL_PROXY": NOWHERE, "NO_PROXY": "*"}, None),
            ]
            for variables, through in cases:
                proxy.heads.clear()
                behind_tls.heads.clear()
                result = call(caller, service, ours, variables)
                heads = [*proxy.heads, *behind_tls.heads]
                connect = f"CONNECT 127.0.0.1:{service.port} HTTP/1.1\r\n".encode()
                trial.holds(
                    isinstance(result, Response)
                    and len(heads) == len(through.heads if through else []) == (through is not None)
                    and all(head.startswith(connect) and b"uthorization" not in head for head in heads),
                    lambda: f"{variables}: the proxies got {heads}, result: {told(result)}",
                )


def call(caller: type[Caller], service: Service, ours: Authority, variables: dict[str, str], work: Any = read) -> Any:
    """The result of a call with these variables."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        try:
            made = caller(service.environment(), ca_bundle=ours.pem, max_attempts=1)
        except ConfigError as error:
            return error
        with made as client:
            return client.call(work)


@either
def test_r19_user_and_password_are_for_the_proxy_and_never_shown(
    caller: type[Caller], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ours = Authority("ours")
    with Trial("R19", caller.name) as trial:
        for name, manner in {"a tunnel": TUNNEL, **REFUSALS}.items():
            caplog.clear()
            with Service(tls=ours.server()) as service, Proxy(manner) as proxy:
                url = f"http://{USER}:pa55%40word@127.0.0.1:{proxy.port}"
                with pytest.MonkeyPatch.context() as environment:
                    environment.setenv("HTTPS_PROXY", url)
                    with caller(service.environment(), ca_bundle=ours.pem, max_attempts=1) as client:
                        result = client.call(downlink("valve-42"))
                        shown = f"{result}{result!r}{client.client!r}{getattr(result, '__dict__', '')}{caplog.text}"
                        pickled = pickle.dumps(result) + pickle.dumps(client.client)
                heads = b"".join(connection.head for connection in service.connections)
            given = [f": Basic {CREDENTIALS.decode()}\r\n".encode() in head for head in proxy.heads]
            if manner == TUNNEL:
                kept = isinstance(result, Receipt)
            else:
                kept = isinstance(result, ConnectError) and result.outcome == "not_sent" and not service.requests
            trial.holds(
                kept and bool(given) and all(given), lambda: f"{name}: {proxy.heads}, result: {told(result)}"
            )
            everywhere = shown.encode() + pickled + heads
            leaks = [word for word in (b"pa55", CREDENTIALS) if word in everywhere]
            trial.holds(not leaks, lambda: f"{name}: {leaks} in {shown}")


@either
def test_r19_proxy_that_makes_no_tunnel_is_no_connection(caller: type[Caller]) -> None:
    ours, theirs = Authority("ours"), Authority("theirs")
    with Trial("R19", caller.name) as trial, Service(tls=ours.server()) as service:
        for name, manner in REFUSALS.items():
            for work, outcome in ((read, None), (downlink("valve-42"), "not_sent")):
                with Proxy(manner) as proxy:
                    result = call(caller, service, ours, {"HTTPS_PROXY": proxy.url}, work)
                trial.holds(
                    isinstance(result, ConnectError) and result.outcome == outcome and not service.requests,
                    lambda: f"{name}: {told(result)}",
                )
        for name, url in {"closed port": NOWHERE, "a name that cannot be": f"http://{'a' * 64}.invalid:1"}.items():
            result = call(caller, service, ours, {"HTTPS_PROXY": url}, downlink("valve-42"))
            kept = isinstance(result, ConnectError) and result.outcome == "not_sent"
            trial.holds(kept and not service.requests, lambda: f"{name}: {told(result)}")
    with Trial("R19", caller.name) as trial, Service(tls=theirs.server()) as service, Proxy() as proxy:
        result = call(caller, service, ours, {"HTTPS_PROXY": proxy.url}, downlink("valve-42"))
        kept = isinstance(result, ConnectError) and result.outcome == "not_sent"
        trial.holds(kept and not service.requests, lambda: f"a tunnel to another host: {told(result)}")


@either
def test_r19_proxy_of_another_kind_is_refused_and_not_passed_by(caller: type[Caller]) -> None:
    ours = Authority("ours")
    with Trial("R19", caller.name) as trial, Service(tls=ours.server()) as service:
        for name in ("HTTPS_PROXY", "ALL_PROXY"):
            for url in ("socks5://user:pa55word@127.0.0.1:1", "ftp://user:pa55word@127.0.0.1:1", "user:pa55word@ :1"):
                result = call(caller, service, ours, {name: url})
                trial.holds(
                    isinstance(result, ConfigError)
                    and name in str(result)
                    and "pa55" not in f"{result}{result.__dict__}",
                    lambda: f"{name}={url}: {told(result)}",
                )
        trial.holds(not service.requests, lambda: f"{len(service.requests)} requests")


@either
def test_r19_plain_http_never_goes_through_a_proxy(caller: type[Caller]) -> None:
    ours = Authority("ours")
    with Trial("R19", caller.name) as trial, Service() as service, Proxy() as proxy:
        for url in (proxy.url, NOWHERE, "socks5://127.0.0.1:1", "no address"):
            result = call(caller, service, ours, {name: url for name in VARIABLES if name != "NO_PROXY"})
            trial.holds(
                isinstance(result, Response) and not proxy.heads, lambda: f"{url}: {proxy.heads}, result: {told(result)}"
            )

"""The clients send a secret only to a server that proves to be the requested host."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from behaviour.service import Service
from kpn_things import ConfigError, ConnectError, KpnThingsError, Receipt, Response

from .authority import DAY, NOW, Authority, self_signed
from .caller import Caller, Work, either, told
from .test_downlinks import downlink
from .trial import Trial

CALLS: dict[str, tuple[Work, type]] = {
    "read": (lambda client: client.request("GET", "/devices"), Response),
    "downlink": (downlink("valve-42"), Receipt),
}


def refused(trial: Trial, caller: type[Caller], case: str, server: ssl.SSLContext, **options: Any) -> None:
    """Fails if a server with this TLS context gets a secret or a downlink."""
    for asked, (work, _) in CALLS.items():
        with Service(tls=server) as service, Service() as grip:
            environments = {
                "everything there": service.environment(),
                "the API there": {**service.environment(), "KPN_THINGS_GRIP_BASE_URL": grip.url},
            }
            for where, environment in environments.items():
                with caller(environment, max_attempts=1, **options) as client:
                    result = client.call(work)
                outcome = "not_sent" if asked == "downlink" else None
                trial.holds(
                    isinstance(result, ConnectError) and result.outcome == outcome and not service.requests,
                    lambda: f"{case}, {where}, {asked}: {len(service.requests)} requests, result: {told(result)}",
                )


def accepted(trial: Trial, caller: type[Caller], case: str, server: ssl.SSLContext, **options: Any) -> None:
    with Service(tls=server) as service:
        for asked, (work, result_type) in CALLS.items():
            with caller(service.environment(), **options) as client:
                result = client.call(work)
            trial.holds(isinstance(result, result_type), lambda: f"{case}, {asked}: {told(result)}")


@either
def test_r18_who_cannot_prove_to_be_the_host_gets_nothing(caller: type[Caller]) -> None:
    with Trial("R18", caller.name) as trial:
        ours = Authority("ours")
        for case, server in {
            "expired": ours.server(ends=NOW - DAY),
            "another host": ours.server("api.kpnthings.com"),
            "another address": ours.server("127.0.0.2"),
            "self-signed": self_signed(),
            "unknown authority": Authority("theirs").server(),
            "another authority of the same name": Authority("ours").server(),
        }.items():
            refused(trial, caller, case, server, ca_bundle=ours.pem)
        refused(trial, caller, "not in the platform's store", ours.server())


@either
def test_r18_own_authority_is_trusted(
    caller: type[Caller], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Trial("R18", caller.name) as trial:
        ours, theirs = Authority("ours"), Authority("theirs")
        server = ours.server()
        accepted(trial, caller, "a CA bundle", server, ca_bundle=ours.pem)
        accepted(trial, caller, "a CA bundle of two", server, ca_bundle=theirs.pem + ours.pem)
        file = tmp_path / "authority.pem"
        file.write_bytes(ours.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        accepted(trial, caller, "SSL_CERT_FILE", server)
        refused(trial, caller, "a CA bundle goes before SSL_CERT_FILE", server, ca_bundle=theirs.pem)
        file.write_bytes(theirs.pem)
        refused(trial, caller, "another authority in SSL_CERT_FILE", server)


@either
def test_r18_secret_goes_over_plain_http_to_this_machine_alone(caller: type[Caller]) -> None:
    with Trial("R18", caller.name) as trial, Service() as service:
        # None of these hosts is this machine.
        for host in ("192.0.2.1", "[2001:db8::1]", "kpnthings.com", "localhost.kpnthings.com", "127.0.0.1.kpnthings.com"):
            for name in ("KPN_THINGS_BASE_URL", "KPN_THINGS_GRIP_BASE_URL", "KPN_THINGS_TOKEN_URL"):
                try:
                    caller({**service.environment(), name: f"http://{host}/"}).close()
                    result: Any = None
                except KpnThingsError as error:
                    result = error
                trial.holds(isinstance(result, ConfigError), lambda: f"{name}: http://{host}: {told(result)}")

"""Any settings from any source lead to a client, or to an exception that reports what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from behaviour.service import SECRET
from hypothesis import example, given
from hypothesis import strategies as st

from kpn_things import AsyncClient, Client, ConfigError

from .examples import ANYTHING, JSON, attempt, examples

CLIENTS = pytest.mark.parametrize("cls", [Client, AsyncClient])

ADDRESSES = st.sampled_from(
    ["https://api.example", "http://127.0.0.1:1/x/", "http://api.example", "https://a:99999", "https://:1", "//"]
)
TEXTS = st.text(max_size=12) | ADDRESSES | st.just("a\r\nb")
SECRETS = TEXTS | st.just(SECRET)
NAMES = [
    "tenant_id",
    "key_id",
    "key_secret",
    "application_id",
    "grip_base_url",
    "token_url",
    "base_url",
    "customer_id",
    "security_context",
]
NUMBERS = ["timeout", "attempt_timeout", "connect_timeout", "max_attempts", "max_body", "max_pages"]
PEM = st.builds(
    lambda inner: b"-----BEGIN CERTIFICATE-----\n" + inner + b"\n-----END CERTIFICATE-----\n", st.binary(max_size=40)
)
REQUIRED: dict[str, Any] = {"tenant_id": "rjsfm52t", "key_id": "key", "key_secret": SECRET}
VARIABLES = [f"KPN_THINGS_{name.upper()}" for name in NAMES]
POSTMAN = ["tenantId", "applicationId", "keyId", "keySecret", "gripBaseUrl", "baseUrl"]


def is_client_or_refusal(cls: type[Client], came: Any, *refusals: type[Exception]) -> None:
    assert isinstance(came, (cls, ConfigError, *refusals))
    assert SECRET not in repr(came)


@CLIENTS
@examples
@given(
    st.fixed_dictionaries(
        {}, optional={**dict.fromkeys(NAMES, TEXTS), "key_secret": SECRETS, "security_context": SECRETS}
    )
)
def test_any_texts_are_a_client_or_refused(cls: type[Client], options: dict[str, Any]) -> None:
    is_client_or_refusal(cls, attempt(lambda: cls(**options)))
    is_client_or_refusal(cls, attempt(lambda: cls(**{**REQUIRED, **options})))


@CLIENTS
@examples
@given(st.fixed_dictionaries({}, optional=dict.fromkeys([*NAMES, *NUMBERS, "ca_bundle"], ANYTHING)))
@example({"timeout": 10**400})
@example({"max_attempts": 2**32})
@example({"ca_bundle": "\x00"})
def test_any_values_are_a_client_or_refused(cls: type[Client], options: dict[str, Any]) -> None:
    # A string is the path of a CA bundle, and that file may not exist.
    try:
        came = attempt(lambda: cls(**{**REQUIRED, **options}))
    except OSError:
        assert isinstance(options["ca_bundle"], str)
    else:
        is_client_or_refusal(cls, came, TypeError, ValueError)


@CLIENTS
@examples
@given(st.binary(max_size=60) | PEM)
def test_any_ca_bundle_is_a_client_or_refused(cls: type[Client], pem: bytes) -> None:
    is_client_or_refusal(cls, attempt(lambda: cls(**REQUIRED, ca_bundle=pem)))


@CLIENTS
@examples
@given(st.dictionaries(st.sampled_from(VARIABLES) | st.text(max_size=4), TEXTS))
def test_any_environment_is_a_client_or_refused(cls: type[Client], environ: dict[str, str]) -> None:
    for variables in environ, {**dict(zip(VARIABLES, REQUIRED.values())), **environ}:
        is_client_or_refusal(cls, attempt(lambda: cls.from_env(variables)))


@CLIENTS
@examples
@given(
    st.binary(max_size=60)
    | JSON.map(lambda file: json.dumps(file).encode())
    | st.dictionaries(st.sampled_from(POSTMAN), TEXTS | JSON).map(
        lambda values: json.dumps({"values": [{"key": key, "value": value} for key, value in values.items()]}).encode()
    )
)
def test_any_postman_file_is_a_client_or_refused(cls: type[Client], tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "kpn.json"
    file.write_bytes(content)
    is_client_or_refusal(cls, attempt(lambda: cls.from_postman_environment(file)))
    is_client_or_refusal(cls, attempt(lambda: cls.from_postman_environment(file, **REQUIRED)))

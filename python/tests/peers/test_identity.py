"""An independent OAuth 2.0 library uses the simulator's token endpoint and API.

authlib performs the grant with two HTTP libraries. Only its form is changed, to the JSON that GRIP expects.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session

from kpn_things import Client
from kpn_things.testing import Simulator

ACCEPT = "application/vnd.kpnthings.device.v1.response+json"


def as_json(client: Any, method: str, uri: str, headers: Any, form: str | bytes) -> tuple[str, Any, bytes]:
    """Converts the form and the API key to JSON."""
    text = form if isinstance(form, str) else form.decode()
    fields = {**dict(parse_qsl(text)), "client_id": client.client_id, "client_secret": client.client_secret}
    headers["Content-Type"] = "application/json"
    return uri, headers, json.dumps(fields).encode()


def fetch_token(session: Any, environment: dict[str, str]) -> dict[str, Any]:
    """Makes the session request its token, as a user's program would."""
    session.register_client_auth_method(("json", as_json))
    grip, tenant = environment["KPN_THINGS_GRIP_BASE_URL"], environment["KPN_THINGS_TENANT_ID"]
    token: dict[str, Any] = session.fetch_token(
        f"{grip}/v2/{tenant}/oidc/idp/c1/token",
        grant_type="client_credentials",
        audience=environment["KPN_THINGS_APPLICATION_ID"],
    )
    return token


@pytest.mark.parametrize("library", [OAuth2Session, OAuth2Client])
def test_a_token_is_granted_and_opens_the_api(library: Any, simulator: Simulator) -> None:
    environment = simulator.environment()
    key = environment["KPN_THINGS_KEY_ID"], environment["KPN_THINGS_KEY_SECRET"]
    with library(*key, token_endpoint_auth_method="json") as session:
        token = fetch_token(session, environment)
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
        answer = session.get(f"{environment['KPN_THINGS_BASE_URL']}/api/devices", headers={"Accept": ACCEPT})
    assert answer.status_code == 200
    with Client.from_env(environment) as client:
        assert answer.json()["content"] == [device.to_dict() for device in client.devices(sort_by="name")]


@pytest.mark.parametrize("library", [OAuth2Session, OAuth2Client])
def test_a_wrong_secret_is_an_error_of_oauth(library: Any, simulator: Simulator) -> None:
    environment = simulator.environment()
    key = environment["KPN_THINGS_KEY_ID"], "wrong"
    with library(*key, token_endpoint_auth_method="json") as session, pytest.raises(OAuthError) as raised:
        fetch_token(session, environment)
    assert raised.value.error == "invalid_client"

"""A secret reaches only the identity service. It shows nowhere else, not even in the frames of the package's Python code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from traceback import TracebackException
from typing import Any

import pytest

import kpn_things
from kpn_things import AsyncClient, Client, ConfigError, InputError

from .service import Service

CLIENTS = pytest.mark.parametrize("cls", [Client, AsyncClient])
PACKAGE = Path(kpn_things.__file__).parent
ENVIRONMENT = {
    "KPN_THINGS_TENANT_ID": "rjsfm52t",
    "KPN_THINGS_KEY_ID": "key-1",
    "KPN_THINGS_KEY_SECRET": "canary-secret",
}


@CLIENTS
@pytest.mark.parametrize("source", ["option", "variable", "file"])
def test_the_secret_reaches_the_identity_service_from_every_source(
    cls: type[Client], source: str, service: Service, tmp_path: Path
) -> None:
    given = service.settings()
    secret = given.pop("key_secret")
    file = tmp_path / "kpn.json"
    file.write_text(json.dumps({"values": [{"key": "keySecret", "value": secret}]}))
    client = {
        "option": lambda: cls(**given, key_secret=secret),
        "variable": lambda: cls.from_env({"KPN_THINGS_KEY_SECRET": secret}, **given),
        "file": lambda: cls.from_postman_environment(file, **given),
    }[source]()
    answer = client.request("GET", "/devices")
    if issubclass(cls, AsyncClient):
        asyncio.run(_awaited(answer))
    [token] = [request for request in service.requests if request.path.endswith("/token")]
    assert secret.encode() in token.body


async def _awaited(answer: Any) -> None:
    await answer


class Holder:
    """Reads the environment in a frame of the user's code, not of the package."""

    def get(self, name: str) -> str | None:
        return {"KPN_THINGS_KEY_SECRET": "canary-secret", "KPN_THINGS_BASE_URL": "http://x.example"}.get(name)

    def __repr__(self) -> str:
        return "canary-secret"


@CLIENTS
def test_no_frame_of_ours_shows_a_secret_where_a_setting_is_wrong(
    cls: type[Client], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {**ENVIRONMENT, "KPN_THINGS_BASE_URL": "http://x.example"}.items():
        monkeypatch.setenv(name, value)
    secrets: dict[str, Any] = {"key_secret": "canary-secret", "security_context": "canary", "proxy": "http://u:canary@p"}
    holder: Any = Holder()
    file = tmp_path / "kpn.json"
    file.write_text(json.dumps({"values": [{"key": "keySecret", "value": "canary-secret"}]}))
    make: Callable[[], object]
    for make in (
        partial(cls, **{**secrets, "tenant_id": "../x"}),
        partial(cls, **{**secrets, "tenant_id": 7}),
        partial(cls, **{**secrets, "tenent_id": "x"}),
        partial(cls, **{**secrets, "key_secret": b"canary"}),
        partial(cls, **{**secrets, "timeout": "soon"}),
        partial(cls, **{**secrets, "ca_bundle": "absent.pem"}),
        partial(cls.from_env, **secrets),
        partial(cls.from_env, holder),
        partial(cls, **{**secrets, "key_secret": "canary\udc80"}),
        partial(cls.from_postman_environment, "absent.json", **secrets),
        partial(cls.from_postman_environment, file),
    ):
        with pytest.raises((ConfigError, InputError, TypeError)) as caught:
            make()
        chain = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert "canary" not in "".join(repr(error) for error in chain)
        stack = TracebackException.from_exception(caught.value, capture_locals=True).stack
        ours = [frame for frame in stack if Path(frame.filename).parent == PACKAGE]
        assert ours
        assert "canary" not in str([frame.locals for frame in ours])

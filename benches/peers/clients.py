"""The clients that are compared, each made and called as its documentation shows, with its default settings.

What differs from the defaults is said here: the address, credentials that are made up, and, where a server that never
answers is waited for, the read timeout. Each client is imported only by the process that uses it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

SECRET = "made-up-secret"
"""What each client has for its `Authorization`."""

CUSTOM = "made-up-custom-header"
"""The value of a header of the user's own, or of the client's own that is not `Authorization`."""

BODY = {"valve": 42, "open": True}


@dataclass(frozen=True)
class Calls:
    """One client that is shared by all calls; on asyncio the calls return an awaitable."""

    get: Callable[[], Any | Awaitable[Any]]
    post: Callable[[], Any | Awaitable[Any]] | None = None


CALLS = frozenset({"posts", "redirects", "memory", "processes"})
TOKENS = frozenset({"tokens"})


@dataclass(frozen=True)
class Peer:
    """A row of the tables."""

    name: str
    packages: tuple[str, ...]
    make: Callable[[str, float | None], Calls]
    calls: str
    """What is called, for the page."""
    groups: frozenset[str] = CALLS
    """The groups of cases that it has something to show in."""
    tasks: bool = False
    """Whether its callers are tasks of asyncio instead of threads."""
    tls: bool = False
    """Whether it talks https alone, so that the server has to."""


def ours(url: str, timeout: float | None) -> Calls:
    from kpn_things import Client

    client = Client(**settings(url, timeout))
    return Calls(
        get=lambda: client.devices().collect(),
        post=lambda: client.send_downlink("0059AC0000181EB6", b"\x01\x02", port=1),
    )


def ours_async(url: str, timeout: float | None) -> Calls:
    from kpn_things import AsyncClient

    client = AsyncClient(**settings(url, timeout))
    return Calls(
        get=lambda: client.devices().collect(),
        post=lambda: client.send_downlink("0059AC0000181EB6", b"\x01\x02", port=1),
    )


def settings(url: str, timeout: float | None) -> dict[str, Any]:
    account = {"tenant_id": "tenant", "key_id": "key", "key_secret": SECRET, "security_context": CUSTOM}
    return {**account, "base_url": url, "grip_base_url": url, **given(attempt_timeout=timeout)}


def requests(url: str, timeout: float | None) -> Calls:
    import requests

    session = requests.Session()
    session.headers.update(headers())

    def call(method: str, **body: Any) -> bytes:
        answer = session.request(method, f"{url}/things", timeout=timeout, **body)
        answer.raise_for_status()
        return answer.content

    return Calls(get=lambda: call("GET"), post=lambda: call("POST", json=BODY))


def urllib3(url: str, timeout: float | None) -> Calls:
    import urllib3

    pool = urllib3.PoolManager(headers=headers(), **given(timeout=timeout))

    def call(method: str, **body: Any) -> bytes:
        answer = pool.request(method, f"{url}/things", **body)
        if answer.status >= 400:
            raise RuntimeError(answer.status)
        return answer.data

    return Calls(get=lambda: call("GET"), post=lambda: call("POST", json=BODY))


def httpx(url: str, timeout: float | None) -> Calls:
    import httpx

    client = httpx.Client(base_url=url, headers=headers(), **given(timeout=timeout))

    def call(method: str, **body: Any) -> bytes:
        answer = client.request(method, "/things", **body)
        answer.raise_for_status()
        return answer.content

    return Calls(get=lambda: call("GET"), post=lambda: call("POST", json=BODY))


def aiohttp(url: str, timeout: float | None) -> Calls:
    import aiohttp

    read_timeout = aiohttp.ClientTimeout(sock_read=timeout) if timeout else None
    session = aiohttp.ClientSession(headers=headers(), raise_for_status=True, **given(timeout=read_timeout))

    async def call(method: str, **body: Any) -> bytes:
        async with session.request(method, f"{url}/things", **body) as answer:
            return await answer.read()

    return Calls(get=lambda: call("GET"), post=lambda: call("POST", json=BODY))


def boto3(url: str, timeout: float | None) -> Calls:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "iotwireless",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="made-up",
        aws_secret_access_key=SECRET,
        aws_session_token=CUSTOM,
        **given(config=Config(read_timeout=timeout) if timeout else None),
    )

    def post() -> Any:
        return client.send_data_to_wireless_device(
            Id="valve-42", TransmitMode=1, PayloadData="AQI=", WirelessMetadata={"LoRaWAN": {"FPort": 1}}
        )

    get = lambda: client.get_wireless_device(Identifier="valve-42", IdentifierType="WirelessDeviceId")
    return Calls(get, post)


def openai(url: str, timeout: float | None) -> Calls:
    import openai

    client = openai.OpenAI(
        api_key=SECRET, base_url=url, default_headers={"X-Custom": CUSTOM}, **given(timeout=timeout)
    )
    return Calls(
        get=lambda: client.models.retrieve("model"),
        post=lambda: client.chat.completions.create(model="model", messages=[{"role": "user", "content": "Hello"}]),
    )


def stripe(url: str, timeout: float | None) -> Calls:
    import stripe

    http_client = stripe.RequestsClient(timeout=timeout) if timeout else None
    client = stripe.StripeClient(
        SECRET, base_addresses={"api": url}, stripe_account=CUSTOM, **given(http_client=http_client)
    )
    return Calls(
        get=lambda: client.v1.customers.retrieve("customer"),
        post=lambda: client.v1.customers.create({"name": "Valve 42"}),
    )


def stripe_module(url: str, timeout: float | None) -> Calls:
    import stripe

    stripe.api_key, stripe.api_base = SECRET, url
    if timeout:
        stripe.default_http_client = stripe.RequestsClient(timeout=timeout)
    return Calls(
        get=lambda: stripe.Customer.retrieve("customer"),
        post=lambda: stripe.Customer.create(name="Valve 42", stripe_account=CUSTOM),
    )


def azure_core(url: str, timeout: float | None) -> Calls:
    from azure.core import PipelineClient
    from azure.core.configuration import Configuration
    from azure.core.credentials import AzureKeyCredential
    from azure.core.pipeline import policies
    from azure.core.rest import HttpRequest

    config: Configuration[Any, Any] = Configuration()
    config.redirect_policy = policies.RedirectPolicy()
    config.retry_policy = policies.RetryPolicy()
    config.authentication_policy = policies.AzureKeyCredentialPolicy(
        AzureKeyCredential(SECRET), "Authorization", prefix="Bearer"
    )
    client: PipelineClient[Any, Any] = PipelineClient(url, config=config)

    def call(method: str, **body: Any) -> bytes:
        request = HttpRequest(method, f"{url}/things", headers={"X-Custom": CUSTOM}, **body)
        answer = client.send_request(request, **given(read_timeout=timeout))
        answer.raise_for_status()
        content: bytes = answer.content
        return content

    return Calls(get=lambda: call("GET"), post=lambda: call("POST", json=BODY))


def azure_identity(url: str, timeout: float | None) -> Calls:
    from azure.core import PipelineClient
    from azure.core.configuration import Configuration
    from azure.core.pipeline import policies
    from azure.core.rest import HttpRequest
    from azure.identity import ClientSecretCredential

    credential = ClientSecretCredential(**azure_account(url), connection_verify=False)
    config: Configuration[Any, Any] = Configuration()
    config.authentication_policy = policies.BearerTokenCredentialPolicy(credential, f"{url}/.default")
    client: PipelineClient[Any, Any] = PipelineClient(url, config=config, connection_verify=False)
    return Calls(get=lambda: client.send_request(HttpRequest("GET", f"{url}/things")).raise_for_status())


def azure_identity_async(url: str, timeout: float | None) -> Calls:
    from azure.core import AsyncPipelineClient
    from azure.core.configuration import Configuration
    from azure.core.pipeline import policies
    from azure.core.rest import HttpRequest
    from azure.identity.aio import ClientSecretCredential

    credential = ClientSecretCredential(**azure_account(url), connection_verify=False)
    config: Configuration[Any, Any] = Configuration()
    config.authentication_policy = policies.AsyncBearerTokenCredentialPolicy(credential, f"{url}/.default")
    client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(url, config=config, connection_verify=False)

    async def get() -> None:
        (await client.send_request(HttpRequest("GET", f"{url}/things"))).raise_for_status()

    return Calls(get)


def azure_account(url: str) -> dict[str, Any]:
    account = {"tenant_id": "tenant", "client_id": "client", "client_secret": SECRET}
    return {**account, "authority": url, "disable_instance_discovery": True}


def google_auth(url: str, timeout: float | None) -> Calls:
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.service_account import Credentials

    account = {"client_email": "made-up", "private_key": private_key(), "token_uri": f"{url}/token"}
    session = AuthorizedSession(Credentials.from_service_account_info(account, scopes=["things"]))
    return Calls(get=lambda: session.get(f"{url}/things").raise_for_status())


def authlib(url: str, timeout: float | None) -> Calls:
    from authlib.integrations.requests_client import OAuth2Session

    session = OAuth2Session(
        "client", SECRET, token_endpoint=f"{url}/token", grant_type="client_credentials", token=ended_token()
    )
    return Calls(get=lambda: session.get(f"{url}/things").raise_for_status())


def authlib_async(url: str, timeout: float | None) -> Calls:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

    client = AsyncOAuth2Client(
        "client", SECRET, token_endpoint=f"{url}/token", grant_type="client_credentials", token=ended_token()
    )

    async def get() -> None:
        (await client.get(f"{url}/things")).raise_for_status()

    return Calls(get)


def obstore(url: str, timeout: float | None) -> Calls:
    from obstore.store import HTTPStore

    store = HTTPStore.from_url(url, client_options={"allow_http": True})
    return Calls(get=lambda: bytes(store.get("things").bytes()))


def given(**options: Any) -> dict[str, Any]:
    """The options that are not to stay at their defaults."""
    return {name: value for name, value in options.items() if value is not None}


def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRET}", "X-Custom": CUSTOM}


def ended_token() -> dict[str, Any]:
    """The clients of authlib take their first token by a call of its own; they are given one that has ended."""
    return {"access_token": "ended", "token_type": "Bearer", "expires_at": 1}


def private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


PEERS = [
    Peer("kpn_things", ("kpn-things",), ours, "`Client`: `send_downlink`, `devices().collect()`", CALLS | TOKENS),
    Peer("kpn_things, async", ("kpn-things",), ours_async, "`AsyncClient`: the same", CALLS | TOKENS, tasks=True),
    Peer("requests", ("requests",), requests, "`Session`: `post`, `get`"),
    Peer("urllib3", ("urllib3",), urllib3, "`PoolManager`: `request`"),
    Peer("httpx", ("httpx",), httpx, "`Client`: `post`, `get`"),
    Peer("aiohttp", ("aiohttp",), aiohttp, "`ClientSession`: `post`, `get`", tasks=True),
    Peer("boto3", ("boto3",), boto3,
         "`client(\"iotwireless\")`: `send_data_to_wireless_device`, `get_wireless_device`"),
    Peer("openai", ("openai",), openai, "`OpenAI`: `chat.completions.create`, `models.retrieve`"),
    Peer("stripe", ("stripe",), stripe, "`StripeClient`: `customers.create`, `customers.retrieve`"),
    Peer("stripe, module", ("stripe",), stripe_module, "`Customer.create`, `Customer.retrieve`, without a client"),
    Peer("azure-core", ("azure-core",), azure_core,
         "`PipelineClient` with `RetryPolicy()`, `RedirectPolicy()` and `AzureKeyCredentialPolicy`: `send_request`"),
    Peer("azure-identity", ("azure-identity", "azure-core"), azure_identity,
         "`ClientSecretCredential` in `BearerTokenCredentialPolicy`", TOKENS, tls=True),
    Peer("azure-identity, async", ("azure-identity", "azure-core"), azure_identity_async,
         "`aio.ClientSecretCredential` in `AsyncBearerTokenCredentialPolicy`", TOKENS, tasks=True, tls=True),
    Peer("google-auth", ("google-auth", "requests"), google_auth,
         "`AuthorizedSession` with the credentials of a service account", TOKENS),
    Peer("authlib", ("authlib", "requests"), authlib, "`OAuth2Session` with `client_credentials`", TOKENS),
    Peer("authlib, async", ("authlib", "httpx"), authlib_async, "`AsyncOAuth2Client` with `client_credentials`", TOKENS,
         tasks=True),
    Peer("obstore", ("obstore",), obstore, "`HTTPStore`: `get`; written in Rust, as ours is",
         frozenset({"memory", "processes"})),
]

"""The types of the options and arguments of both clients."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, SupportsFloat, SupportsIndex, TypedDict, TypeVar, Union

from ._events import Event
from ._native import RetryPolicy
from ._typing import Buffer, TypeAlias

Payload: TypeAlias = Buffer
Scalar: TypeAlias = Union[str, SupportsIndex, SupportsFloat, bool, None]
Pairs: TypeAlias = Union[Mapping[str, Scalar], Iterable[tuple[str, Scalar]]]
Params: TypeAlias = Union[
    Mapping[str, Union[Scalar, Sequence[Scalar]]], Iterable[tuple[str, Union[Scalar, Sequence[Scalar]]]]
]
Records: TypeAlias = Sequence[Mapping[str, Any]]
Row: TypeAlias = Mapping[Any, Any]
Number = TypeVar("Number", bound=Union[SupportsIndex, None])


class Options(TypedDict, total=False):
    """The options of `Client`. `None` means that an option is not given.

    tenant_id: The id of the GRIP tenant, such as `rjsfm52t`.
    key_id: The id of the API key.
    key_secret: The secret of the API key.
    application_id: The id of the requested service, if it is not the documented one.
    grip_base_url: The URL of the identity service. Default: `https://auth.grip-on-it.com`.
    token_url: The token endpoint, instead of the one from `grip_base_url` and `tenant_id`; or `grip-v3`.
    base_url: The URL of the API. Default: `https://api.kpnthings.com`.
    customer_id: The sub-customer that all calls are made for.
    security_context: Sent unchanged as `KPN-Things-Security-Context`.
    timeout: Seconds for a whole call, including its token and its retries. Default: 30.
    attempt_timeout: Seconds for one attempt. Default: 15.
    connect_timeout: Seconds to make a connection. Default: 5.
    max_attempts: Maximum number of attempts at a read. Default: 3. A downlink is retried only if it provably had no effect.
    retry: A `RetryPolicy` with the waits between attempts. `max_attempts` overrides its number of attempts.
    max_body: Maximum size of a response in bytes. Default: 16 MiB.
    max_pages: Maximum number of pages of a listing. Default: 100,000.
    ca_bundle: Certificates to trust instead of those of the platform: the path of a PEM file, or its content as `bytes`.
    proxy: The HTTP proxy for https, such as `http://user:password@proxy.example:3128`, with user and password
        percent-encoded. `""` means no proxy. Default: `HTTPS_PROXY` or `ALL_PROXY`, except for the hosts of `NO_PROXY`. A
        pickled client does not hold a proxy with a password.
    user_agent: The name of your program, such as `my-app/1.2`. The `User-Agent` header names it in front of this package and
        of Python.
    allow_http: Hosts other than this machine that the client may call by plain http: exact names without a port.
    on_event: A function that is called with each `Event`: every request, every retry, and the end of every call.
        An exception of the function goes to `sys.unraisablehook`, and the call continues. `KeyboardInterrupt` ends the call.
    """

    tenant_id: str | None
    key_id: str | None
    key_secret: str | None
    application_id: str | None
    grip_base_url: str | None
    token_url: str | None
    base_url: str | None
    customer_id: str | None
    security_context: str | None
    timeout: float | None
    attempt_timeout: float | None
    connect_timeout: float | None
    max_attempts: int | None
    retry: RetryPolicy | None
    max_body: int | None
    max_pages: int | None
    ca_bundle: str | os.PathLike[str] | bytes | None
    proxy: str | None
    user_agent: str | None
    allow_http: str | Iterable[str] | None
    on_event: Callable[[Event], object] | None


class AsyncOptions(Options, total=False):
    """The options of `AsyncClient`: those of `Client`, and two more.

    max_connections: Maximum number of connections at a time. Default: 100. A further call waits for a free connection
        before its timeout starts.
    pool_timeout: Seconds that a call waits for a free connection. A call that waits longer raises `ConnectError`, and nothing
        was sent. Default: no limit.
    """

    max_connections: int | None
    pool_timeout: float | None

"""What clients and their methods take, for type checkers: nothing imports this when a program runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsIndex, TypedDict, TypeVar, Union

from typing_extensions import Buffer, TypeAlias

Payload: TypeAlias = Buffer
Scalar: TypeAlias = Union[str, SupportsIndex, float, bool, None]
Pairs: TypeAlias = Union[Mapping[str, Scalar], Iterable[tuple[str, Scalar]]]
Records: TypeAlias = Sequence[Mapping[str, Any]]
Number = TypeVar("Number", bound=Union[SupportsIndex, None])


class Options(TypedDict, total=False):
    """What `Client` and `AsyncClient` take; see `Client`. `None` is as good as not given."""

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
    max_body: int | None
    max_pages: int | None
    ca_bundle: str | os.PathLike[str] | bytes | None
    proxy: str | None
    user_agent: str | None
    allow_http: str | Iterable[str] | None

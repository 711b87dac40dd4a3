"""Both clients in the same test."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any, TypeAlias, TypeVar

from kpn_things import AsyncClient, Client

Either: TypeAlias = "Client | AsyncClient"

T = TypeVar("T")


def result(came: T | Coroutine[Any, Any, T]) -> T:
    """The result of a method of either client."""
    return asyncio.run(came) if inspect.iscoroutine(came) else came  # type: ignore[return-value]


def close(client: Either) -> None:
    """Closes either client."""
    if isinstance(client, Client):
        client.close()
    else:
        asyncio.run(client.aclose())

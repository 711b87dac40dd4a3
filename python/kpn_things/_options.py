"""The options of a client, for type checkers."""

from __future__ import annotations

import os
from typing import TypedDict, Union


class Options(TypedDict, total=False):
    """What `Client` and `AsyncClient` take; see `Client`."""

    tenant_id: str
    key_id: str
    key_secret: str
    application_id: str
    grip_base_url: str
    token_url: str
    base_url: str
    customer_id: str
    security_context: str
    timeout: float
    attempt_timeout: float
    connect_timeout: float
    max_attempts: int
    max_body: int
    ca_bundle: Union[str, "os.PathLike[str]", bytes]

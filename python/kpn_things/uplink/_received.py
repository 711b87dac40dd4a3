"""A message that an adapter verified, and what the adapters share."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

from .._native import Uplink
from ._errors import BodyTooLargeError
from ._parse import parse
from ._verifier import Verifier

KEY = "kpn_things.uplink"
"""The key of the message in the scope of ASGI and in the environment of WSGI."""

NOT_STORED = "the message could not be processed: send it again"


class Received:
    """A message that KPN Things sent, as its token proves. Its `repr` shows neither the body nor the token."""

    __module__ = "kpn_things.uplink"

    body: bytes
    """The body, byte for byte as it was received."""

    label: str
    """The label of the secret that matched. It shows whether a retiring secret is still in use."""

    token_digest: bytes
    """The token as 32 bytes. A message that is sent again has the same one, so use it to find duplicates."""

    received: float
    """When it was received, in seconds since 1970."""

    def __init__(self, body: bytes, label: str, token_digest: bytes, received: float) -> None:
        self.body = body
        self.label = label
        self.token_digest = token_digest
        self.received = received

    @cached_property
    def uplink(self) -> Uplink:
        """The message, read.

        Raises:
            UplinkParseError: The body is not SenML. Store it and answer 2xx: KPN Things discards it after three attempts.
        """
        return parse(self.body, self.received)

    def __repr__(self) -> str:
        return f"<Received {len(self.body)} bytes, verified by the secret {self.label}>"


def verified(verifier: Verifier, headers: Any, body: bytes) -> Received:
    """Returns a message that is verified.

    Raises:
        UplinkRefusedError: The message is refused.
    """
    result = verifier.verify(headers, body)
    return Received(body, result.label, result.token_digest, time.time())


def too_large(limit: int) -> BodyTooLargeError:
    """Returns the error of a body that is not read to its end, because it is too large."""
    return BodyTooLargeError(f"the body has more than {limit} bytes")


def declared(length: object) -> int | None:
    """Returns the value of `Content-Length`. `None` if there is none, or if it is not a number."""
    text = length.decode("latin-1") if isinstance(length, bytes) else str(length or "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def log_failure() -> None:
    """Logs the exception of a handler, with its traceback."""
    import logging  # here, because `import kpn_things` does not load it

    logging.getLogger(KEY).exception("the handler of an uplink raised an exception; the response is 503")

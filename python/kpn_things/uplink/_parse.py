"""Reads messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeAlias

from .._arguments import number
from .._native import Uplink

Codec: TypeAlias = Callable[[int, bytes], Iterable[dict[str, Any]]]
"""A function of the port and the payload of a LoRa device, which returns SenML records: see `Uplink.decode`."""


def parse(body: bytes | bytearray | memoryview, now: float | datetime | None = None) -> Uplink:
    """Reads a message of KPN Things.

    What KPN Things sends although SenML forbids it, such as a number in a string, is tolerated: `Uplink.leniencies`.

    Args:
        body: The body of the request.
        now: The time of a record without a time, as seconds since 1970 or as a `datetime` with a time zone. It should be the
            time at which the message was received. The default is the current time.

    Raises:
        UplinkParseError: The body is not SenML. The text names the first wrong record.
    """
    if now is None:
        seconds = time.time()
    elif isinstance(now, datetime):
        if now.utcoffset() is None:
            raise TypeError("now is a datetime without a time zone: pass one such as datetime.now(timezone.utc)")
        seconds = now.timestamp()
    else:
        seconds = number("now", now)
    if isinstance(body, str):
        raise TypeError("body is of type str: pass the bytes of the request as they were received")
    return Uplink(body if type(body) is bytes else bytes(memoryview(body)), seconds)

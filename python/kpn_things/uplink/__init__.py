"""Uplinks: what KPN Things posts to your HTTPS destination, verified and read.

    from kpn_things.uplink import Verifier, parse

    verifier = Verifier(secret_file="secrets.txt")
    verifier.verify(request.headers, body)  # raises UplinkRefusedError, whose `status` is 401 or 413
    uplink = parse(body)
    print(uplink.device, uplink.lora)

`body` must be the bytes of the request as they were received. `kpn_things.uplink.asgi`, `.wsgi`, `.fastapi`, `.flask` and
`.django` take care of that for your framework. `Inbox` reads what a receiver stored.
"""

from __future__ import annotations

from .._native import Location, Lora, Measurement, Uplink, Verified
from ._errors import (
    BodyTooLargeError,
    InboxError,
    MissingTokenError,
    RepeatedTokenError,
    TokenFormatError,
    UplinkError,
    UplinkFieldError,
    UplinkParseError,
    UplinkRefusedError,
    WrongTokenError,
)
from ._inbox import Inbox, Message
from ._parse import Codec, parse
from ._received import Received
from ._verifier import Verifier, sign

__all__ = [
    "BodyTooLargeError",
    "Codec",
    "Inbox",
    "InboxError",
    "Location",
    "Lora",
    "Measurement",
    "Message",
    "MissingTokenError",
    "Received",
    "RepeatedTokenError",
    "TokenFormatError",
    "Uplink",
    "UplinkError",
    "UplinkFieldError",
    "UplinkParseError",
    "UplinkRefusedError",
    "Verified",
    "Verifier",
    "WrongTokenError",
    "parse",
    "sign",
]

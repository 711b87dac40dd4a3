"""Receives uplinks in FastAPI. It needs FastAPI, which this package does not install.

    from typing import Annotated
    from fastapi import Depends, FastAPI
    from kpn_things.uplink import Received, Verifier
    from kpn_things.uplink.fastapi import VerifiedUplink

    app = FastAPI()
    verified = VerifiedUplink(Verifier(secret_file="secrets.txt"))

    @app.post("/uplinks", status_code=204)
    def store(message: Annotated[Received, Depends(verified)]) -> None:
        ...  # make it durable before you return

The response is 401 or 413 if the message is refused, and 503 if your function raises an exception. KPN Things then sends the
message again, at most three times. For Starlette, mount `kpn_things.uplink.asgi.receiver`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import HTTPException, Request

from ._errors import UplinkRefusedError
from ._received import NOT_STORED, Received, declared, log_failure, too_large, verified
from ._verifier import Verifier


class VerifiedUplink:
    """A dependency that returns the verified message.

    Args:
        verifier: The verifier. A body above its limit is not read to its end.
    """

    __slots__ = ("_verifier",)

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    async def __call__(self, request: Request) -> AsyncIterator[Received]:
        try:
            body = await _body(request, self._verifier.body_limit)
            message = verified(self._verifier, request.scope["headers"], body)
        except UplinkRefusedError as error:
            raise HTTPException(error.status, str(error)) from None
        try:
            yield message
        except HTTPException:
            raise
        except Exception:
            log_failure()
            raise HTTPException(503, NOT_STORED) from None


async def _body(request: Request, limit: int) -> bytes:
    length = declared(request.headers.get("content-length"))
    if length is not None and length > limit:
        raise too_large(limit)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)

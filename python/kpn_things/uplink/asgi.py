"""Receives uplinks in any ASGI server.

    from kpn_things.uplink import Verifier
    from kpn_things.uplink.asgi import receiver

    async def store(message):
        ...  # make it durable before you return

    app = receiver(Verifier(secret_file="secrets.txt"), store)

The response is 204 after the handler returned, 401 or 413 if the message is refused, and 503 if the handler raised an
exception. KPN Things then sends the message again, at most three times.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from ._errors import UplinkRefusedError
from ._received import KEY, NOT_STORED, Received, declared, log_failure, too_large, verified
from ._verifier import Verifier

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Handler: TypeAlias = Callable[[Received], Awaitable[object] | object]


class Verified:
    """A middleware: passes on only messages that are verified.

    The app finds the message as `scope["kpn_things.uplink"]`, and can also read the body. An exception of the app becomes
    503, unless the response has started.

    Args:
        app: The app behind it.
        verifier: The verifier. A body above its limit is not read to its end.
    """

    __slots__ = ("_app", "_verifier")

    def __init__(self, app: App, verifier: Verifier) -> None:
        self._app = app
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if scope["method"] != "POST":
            return await _respond(send, 405, "use POST", (b"allow", b"POST"))
        try:
            body = await _body(scope, receive, self._verifier.body_limit)
            if body is None:
                return None
            message = verified(self._verifier, scope["headers"], body)
        except UplinkRefusedError as error:
            return await _respond(send, error.status, str(error))
        started = False

        async def watched(event: Event) -> None:
            nonlocal started
            started = True
            await send(event)

        try:
            await self._app({**scope, KEY: message}, _again(body, receive), watched)
        except Exception:
            if started:
                raise
            log_failure()
            await _respond(send, 503, NOT_STORED)


def receiver(verifier: Verifier, handler: Handler) -> App:
    """Returns an app that passes each message to a handler.

    Args:
        verifier: The verifier.
        handler: A function that takes a `Received`. One that is not `async` runs in a thread.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        if scope["type"] != "http":
            raise ValueError(f"a connection of type {scope['type']} is not supported")
        message = scope[KEY]
        if is_async:
            await handler(message)  # type: ignore[misc]  # it is async
        else:
            await asyncio.to_thread(handler, message)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return None

    is_async = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))
    return Verified(app, verifier)


async def _body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """The body. `None` if the client left."""
    length = declared(next((value for name, value in scope["headers"] if name == b"content-length"), None))
    if length is not None and length > limit:
        raise too_large(limit)
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
        if not event.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Passes the body to the app once more."""
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Event:
        return events.pop() if events else await receive()

    return again


async def _respond(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [kind, *headers]})
    await send({"type": "http.response.body", "body": text.encode()})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return

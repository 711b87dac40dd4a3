"""Receives uplinks in any WSGI server.

    from kpn_things.uplink import Verifier
    from kpn_things.uplink.wsgi import receiver

    def store(message):
        ...  # make it durable before you return

    app = receiver(Verifier(secret_file="secrets.txt"), store)

The response is 204 after the handler returned, 401 or 413 if the message is refused, and 503 if the handler raised an
exception. KPN Things then sends the message again, at most three times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, TypeAlias

from ._errors import UplinkRefusedError
from ._received import KEY, NOT_STORED, Received, declared, log_failure, too_large, verified
from ._verifier import Verifier

Environment: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environment, StartResponse], Iterable[bytes]]
Handler: TypeAlias = Callable[[Received], object]

_REASONS = {204: "No Content", 401: "Unauthorized", 405: "Method Not Allowed", 413: "Content Too Large", 503: "Service Unavailable"}


class Verified:
    """A middleware: passes on only messages that are verified.

    The app finds the message as `environ["kpn_things.uplink"]`, and can also read the body. An exception of the app becomes
    503.

    Args:
        app: The app behind it.
        verifier: The verifier. A body above its limit is not read to its end.
    """

    __slots__ = ("_app", "_verifier")

    def __init__(self, app: App, verifier: Verifier) -> None:
        self._app = app
        self._verifier = verifier

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST":
            return _respond(start_response, 405, "use POST", ("Allow", "POST"))
        try:
            body = _body(environ, self._verifier.body_limit)
            message = verified(self._verifier, _headers(environ), body)
        except UplinkRefusedError as error:
            return _respond(start_response, error.status, str(error))
        again = {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)), KEY: message}
        try:
            return self._app({**environ, **again}, start_response)
        except Exception:
            log_failure()
            return _respond(start_response, 503, NOT_STORED)


def receiver(verifier: Verifier, handler: Handler) -> App:
    """Returns an app that passes each message to a handler.

    Args:
        verifier: The verifier.
        handler: A function that takes a `Received`.
    """

    def app(environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        handler(environ[KEY])
        return _respond(start_response, 204, "")

    return Verified(app, verifier)


def _headers(environ: Environment) -> list[tuple[str, str]]:
    """The headers of a message. A server joins the values of a repeated header by commas."""
    names = {"HTTP_THINGS_MESSAGE_TOKEN": "things-message-token", "HTTP_THINGS_PLUG_UUID": "things-plug-uuid"}
    return [(name, environ[key]) for key, name in names.items() if key in environ]


def _body(environ: Environment, limit: int) -> bytes:
    length = declared(environ.get("CONTENT_LENGTH"))
    if length is not None and length > limit:
        raise too_large(limit)
    if length is None and not environ.get("wsgi.input_terminated"):
        return b""  # such a stream has no end
    left = limit + 1 if length is None else length
    body = bytearray()
    while left and (part := environ["wsgi.input"].read(left)):
        body += part
        left -= len(part)
    if len(body) > limit:
        raise too_large(limit)
    return bytes(body)


def _respond(start_response: StartResponse, status: int, text: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    body = text.encode()
    kind = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))] if body else []
    start_response(f"{status} {_REASONS[status]}", [*kind, *headers])
    return [body] if body else []

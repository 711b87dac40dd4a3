"""Receives uplinks in Flask. It needs Flask, which this package does not install.

    from flask import Flask
    from kpn_things.uplink import Received, Verifier
    from kpn_things.uplink.flask import verified

    app = Flask(__name__)

    @app.post("/uplinks")
    @verified(Verifier(secret_file="secrets.txt"))
    def store(message: Received) -> None:
        ...  # make it durable before you return

The response is 204 if your function returns `None`, 401 or 413 if the message is refused, and 503 if your function raises an
exception. KPN Things then sends the message again, at most three times.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from ._errors import UplinkRefusedError
from ._received import NOT_STORED, Received, log_failure
from ._received import verified as verify
from ._verifier import Verifier
from .wsgi import _body


def verified(verifier: Verifier) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator of a view, which then gets the verified message as its first argument.

    Args:
        verifier: The verifier. A body above its limit is not read to its end.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def verifying(*args: Any, **kwargs: Any) -> Any:
            try:
                body = _body(request.environ, verifier.body_limit)
                message: Received = verify(verifier, request.headers, body)
            except UplinkRefusedError as error:
                return Response(str(error), error.status, mimetype="text/plain")
            try:
                result = view(message, *args, **kwargs)
            except HTTPException:
                raise
            except Exception:
                log_failure()
                return Response(NOT_STORED, 503, mimetype="text/plain")
            return Response(status=204) if result is None else result

        return verifying

    return decorate

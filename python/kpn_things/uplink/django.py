"""Receives uplinks in Django. It needs Django, which this package does not install.

    from django.urls import path
    from kpn_things.uplink import Received, Verifier
    from kpn_things.uplink.django import verified

    @verified(Verifier(secret_file="secrets.txt"))
    def store(request, message: Received):
        ...  # make it durable before you return

    urlpatterns = [path("uplinks", store)]

The response is 204 if your view returns `None`, 401 or 413 if the message is refused, and 503 if your view raises an
exception. KPN Things then sends the message again, at most three times. The view needs no CSRF token.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from ._errors import UplinkRefusedError
from ._received import NOT_STORED, Received, declared, log_failure, too_large
from ._received import verified as verify
from ._verifier import Verifier


def verified(verifier: Verifier) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator of a view, which then gets the verified message after the request. The view is not `async`.

    Args:
        verifier: The verifier. A body above its limit is not read to its end.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def verifying(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            try:
                body = _body(request, verifier.body_limit)
                message: Received = verify(verifier, request.headers, body)
            except UplinkRefusedError as error:
                return HttpResponse(str(error), status=error.status, content_type="text/plain")
            try:
                result = view(request, message, *args, **kwargs)
            except (Http404, PermissionDenied):
                raise
            except Exception:
                log_failure()
                return HttpResponse(NOT_STORED, status=503, content_type="text/plain")
            return HttpResponse(status=204) if result is None else result

        exempt: Callable[..., Any] = csrf_exempt(verifying)
        return exempt

    return decorate


def _body(request: HttpRequest, limit: int) -> bytes:
    length = declared(request.META.get("CONTENT_LENGTH"))
    if length is not None and length > limit:
        raise too_large(limit)
    # Not `request.body`, which refuses more than `DATA_UPLOAD_MAX_MEMORY_SIZE` in another way.
    body: bytes = request.read(limit + 1)
    if len(body) > limit:
        raise too_large(limit)
    return body

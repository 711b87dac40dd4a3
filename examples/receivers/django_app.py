"""A receiver in Django, in one file: `UPLINK_SECRETS=secrets.txt waitress-serve django_app:app`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.urls import path
from store import Store

from kpn_things.uplink import Received, Verifier
from kpn_things.uplink.django import verified

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
app = get_wsgi_application()
store = Store(os.environ["UPLINK_STORE"])


@verified(Verifier(secret_file=os.environ["UPLINK_SECRETS"]))
def keep(request: HttpRequest, message: Received) -> None:
    store.append(message)


urlpatterns = [path("uplinks", keep)]

"""A receiver in plain ASGI: `UPLINK_SECRETS=secrets.txt uvicorn asgi_app:app`."""

import os

from store import Store

from kpn_things.uplink import Received, Verifier
from kpn_things.uplink.asgi import receiver

store = Store(os.environ["UPLINK_STORE"])


def keep(message: Received) -> None:
    store.append(message)


app = receiver(Verifier(secret_file=os.environ["UPLINK_SECRETS"]), keep)

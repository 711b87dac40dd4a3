"""A receiver in plain WSGI: `UPLINK_SECRETS=secrets.txt waitress-serve wsgi_app:app`."""

import os

from store import Store

from kpn_things.uplink import Verifier
from kpn_things.uplink.wsgi import receiver

app = receiver(Verifier(secret_file=os.environ["UPLINK_SECRETS"]), Store(os.environ["UPLINK_STORE"]).append)

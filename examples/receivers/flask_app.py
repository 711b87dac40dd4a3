"""A receiver in Flask: `UPLINK_SECRETS=secrets.txt waitress-serve flask_app:app`."""

import os

from flask import Flask
from store import Store

from kpn_things.uplink import Received, Verifier
from kpn_things.uplink.flask import verified

app = Flask(__name__)
store = Store(os.environ["UPLINK_STORE"])


@app.post("/uplinks")
@verified(Verifier(secret_file=os.environ["UPLINK_SECRETS"]))
def keep(message: Received) -> None:
    store.append(message)

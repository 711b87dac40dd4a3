"""A receiver in FastAPI: `UPLINK_SECRETS=secrets.txt uvicorn fastapi_app:app`."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from store import Store

from kpn_things.uplink import Received, Verifier
from kpn_things.uplink.fastapi import VerifiedUplink

app = FastAPI()
store = Store(os.environ["UPLINK_STORE"])
verified = VerifiedUplink(Verifier(secret_file=os.environ["UPLINK_SECRETS"]))


@app.post("/uplinks", status_code=204)
def keep(message: Annotated[Received, Depends(verified)]) -> None:
    store.append(message)

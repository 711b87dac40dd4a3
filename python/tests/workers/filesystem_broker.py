"""The example for Celery, with files in place of a broker."""

from __future__ import annotations

import importlib
import os

folder = os.environ["BROKER"]
app = importlib.import_module("fleet").app
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder},
)

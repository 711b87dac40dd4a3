"""The page about uplinks loads what the tool and a receiver stored into pandas."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pandas
import pytest

from kpn_things._native import Messages

from .document import REPOSITORY, blocks

PAGE = REPOSITORY.parent / "docs" / "receive-data.md"

RECEIVED = datetime(2025, 12, 14, 19, 19, 20, 500000, tzinfo=timezone.utc)

BODIES = [
    b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1765739960.26,"n":"temperature","u":"Cel","v":21.5},{"n":"door","vb":true}]',
    b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1765739961,"n":"payload","vs":"5e10"},{"n":"port","v":1.0}]',
    b"not SenML",
]


def test_both_programs_have_the_same_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for body in BODIES:
        Messages("uplinks.db").append(RECEIVED, "active", [], body)
    read = [sys.executable, "-m", "kpn_things", "uplink", "read", "--store", "uplinks.db", "--measurements", "--csv"]
    Path("measurements.csv").write_bytes(subprocess.run(read, check=True, capture_output=True).stdout)
    frames = []
    for block in blocks("python", PAGE):
        names: dict[str, pandas.DataFrame] = {}
        exec(block.compiled(), names)
        frames.append(names["frame"])
    assert len(frames) == 2
    for frame in frames:
        temperature = frame[frame["name"] == "temperature"].iloc[0]
        assert (temperature["device"], temperature["value"], temperature["unit"]) == ("0059AC0000181EB6", 21.5, "Cel")
        assert temperature["time"] == pandas.Timestamp("2025-12-14T19:19:20.26Z")
        payload = frame[frame["name"] == "payload"].iloc[0]
        assert payload["text"] == "5e10" and pandas.isna(payload["value"]), "its hex digits are no number"
        assert temperature["received"] == pandas.Timestamp(RECEIVED)
    tool, inbox = (list(frame[["message", "name"]].itertuples(index=False, name=None)) for frame in frames)
    assert len(tool) == len(inbox) == 5
    assert list(frames[0].columns) == list(frames[1].columns)

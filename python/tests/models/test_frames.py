"""A listing as a data frame, in one line."""

from __future__ import annotations

from collections.abc import Iterator

import pandas
import polars
import pytest

from kpn_things import Client
from kpn_things.testing import Simulator

COLUMNS = ["uuid", "name", "description", "metadata", "deviceSpecificationUUID", "barcode", "eui", "installed"]


@pytest.fixture
def client() -> Iterator[Client]:
    with Simulator(devices=250) as simulator, simulator.client() as client:
        simulator.add_device("the last by its name: ~", barcode="1", installed="2024-06-01")
        yield client


def test_a_listing_is_a_pandas_frame(client: Client) -> None:
    frame = pandas.DataFrame(device.to_dict() for device in client.devices())
    assert sorted(frame.columns) == sorted(COLUMNS)
    assert frame["uuid"].tolist() == [device.uuid for device in client.devices()]
    assert frame["installed"].dropna().tolist() == ["2024-06-01"]
    assert {"building", "floor"} <= set(frame["metadata"].dropna().iloc[0])


def test_a_fleet_is_a_pandas_frame(client: Client) -> None:
    frame = pandas.DataFrame(device.to_dict() for device in client.devices().collect())
    assert len(frame) == 251


def test_a_listing_is_a_polars_frame(client: Client) -> None:
    # Without `infer_schema_length=None`, polars drops what none of the first 100 rows has.
    frame = polars.DataFrame([device.to_dict() for device in client.devices()], infer_schema_length=None)
    assert sorted(frame.columns) == sorted(COLUMNS)
    assert frame["uuid"].to_list() == [device.uuid for device in client.devices()]
    assert frame["installed"].drop_nulls().to_list() == ["2024-06-01"]
    assert frame["metadata"].struct.field("floor").drop_nulls().dtype == polars.Int64

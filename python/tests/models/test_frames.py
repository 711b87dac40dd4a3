"""A fleet as a data frame or a table, in one line."""

from __future__ import annotations

import pandas
import polars
import pyarrow  # type: ignore[import-untyped]
import pytest

from kpn_things import Device, Fleet
from kpn_things.testing import Simulator

KNOWN = ["uuid", "name", "description", "metadata", "deviceSpecificationUUID", "barcode"]
COLUMNS = [*KNOWN, "eui", "installed"]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    with Simulator(devices=250) as simulator, simulator.client() as client:
        simulator.add_device("the last by its name: ~", barcode="1", installed="2024-06-01")
        return client.devices().collect()


def test_the_dicts_have_the_same_keys(fleet: Fleet) -> None:
    dicts = fleet.to_dicts()
    assert len(dicts) == 251
    assert {tuple(one) for one in dicts} == {tuple(dicts[0])}
    assert sorted(dicts[0]) == sorted(COLUMNS)
    for one, device in zip(dicts, fleet, strict=True):
        assert one == {**dict.fromkeys(COLUMNS), **device.to_dict()}


def test_columns_are_in_the_order_in_which_they_first_occur() -> None:
    rows = '{"uuid":"1","b":1}', '{"uuid":"2","a":2}', '{"uuid":"3","b":3,"c":4}'
    dicts = Fleet(map(Device.from_json, rows), pages=1).to_dicts()
    assert list(dicts[0]) == [*KNOWN, "b", "a", "c"]
    assert [[one[name] for name in "bac"] for one in dicts] == [[1, None, None], [None, 2, None], [3, None, 4]]


def test_each_dict_is_a_new_one() -> None:
    fleet = Fleet([Device.from_json('{"uuid":"1"}')], pages=1)
    fleet.to_dicts()[0]["uuid"] = "2"
    assert fleet.to_dicts()[0]["uuid"] == "1"


def test_an_empty_fleet_has_no_dicts() -> None:
    assert Fleet([], pages=1).to_dicts() == []


def test_what_is_no_device_has_no_dict() -> None:
    with pytest.raises(TypeError, match="Device"):
        Fleet([{"uuid": "1"}], pages=1).to_dicts()  # type: ignore[list-item]


def test_a_fleet_is_a_pandas_frame(fleet: Fleet) -> None:
    for frame in pandas.DataFrame(fleet), pandas.DataFrame(fleet.to_dicts()):
        assert sorted(frame.columns) == sorted(COLUMNS)
        assert frame["uuid"].tolist() == [device.uuid for device in fleet]
        assert frame["installed"].dropna().tolist() == ["2024-06-01"]
        assert {"building", "floor"} <= set(frame["metadata"].dropna().iloc[0])


def test_the_dicts_are_a_polars_frame(fleet: Fleet) -> None:
    frame = polars.DataFrame(fleet.to_dicts(), infer_schema_length=None)
    assert sorted(frame.columns) == sorted(COLUMNS)
    assert frame["uuid"].to_list() == [device.uuid for device in fleet]
    assert frame["installed"].drop_nulls().to_list() == ["2024-06-01"]
    assert frame["metadata"].struct.field("floor").drop_nulls().dtype == polars.Int64


def test_the_dicts_are_a_pyarrow_table(fleet: Fleet) -> None:
    table = pyarrow.Table.from_pylist(fleet.to_dicts())
    assert sorted(table.column_names) == sorted(COLUMNS)
    assert table["uuid"].to_pylist() == [device.uuid for device in fleet]
    assert table["installed"].drop_null().to_pylist() == ["2024-06-01"]

"""The rows of a run: what they may hold, and what is said about those that are not right."""

from __future__ import annotations

import csv
import io
import pickle
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pandas
import polars
import pytest

from kpn_things import BulkItem, Client, InputError

from .service import Service

DEV_EUI = "0059AC0000181EB6"
URN = f"urn:dev:DEVEUI:{DEV_EUI}:"
ROW = {"dev_eui": DEV_EUI, "port": 1, "payload": b"\x01\x02"}


@pytest.fixture
def client(service: Service) -> Client:
    return Client(**service.settings())


@pytest.mark.parametrize(
    "content",
    [
        {"payload": b"\x01\x02"},
        {"payload": bytearray(b"\x01\x02")},
        {"payload": memoryview(b"\x01\x02")},
        {"hex": "01 02"},
        {"base64": "AQI="},
        {"text": "\x01\x02"},
        {"senml": [{"n": "payloadHex", "vs": "0102"}]},
        {"senml": '[{"n": "payloadHex", "vs": "0102"}]'},
    ],
)
@pytest.mark.parametrize("device", [{"dev_eui": DEV_EUI}, {"urn": URN}, {"DevEUI": DEV_EUI.lower()}])
def test_content_and_device_in_each_form(content: dict[str, Any], device: dict[str, Any]) -> None:
    item = BulkItem({**device, "port": 1, **content})
    assert (item.dev_eui, item.urn, item.port) == (DEV_EUI, URN, 1)
    assert item.payload == b"\x01\x02"
    assert item.reference and item.customer is None and item.not_after is None
    assert pickle.loads(pickle.dumps(item)) == item
    assert "0102" not in repr(item)


def test_records_keep_all_digits() -> None:
    item = BulkItem({"dev_eui": DEV_EUI, "senml": '[{"n": "setpoint", "v": 12345678901234567890}]'})
    assert item.payload is None and item.port is None
    assert item.records == [{"bn": URN, "n": "setpoint", "v": 12345678901234567890}]


@pytest.mark.parametrize("port", [7, 7.0, "7", pandas.Series([7])[0], pandas.Series([7.0])[0]])
def test_a_port_as_data_frames_have_it(port: Any) -> None:
    assert BulkItem({**ROW, "port": port}).port == 7


@pytest.mark.parametrize(
    "time",
    [
        datetime(2126, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        "2126-01-01T01:00:00+01:00",
        pandas.Timestamp("2126-01-01T00:00:00Z"),
    ],
)
def test_a_time_with_a_zone(time: Any) -> None:
    item = BulkItem({**ROW, "not_after": time})
    assert item.not_after == datetime(2126, 1, 1, tzinfo=timezone.utc)
    assert pickle.loads(pickle.dumps(item)).not_after == item.not_after


@pytest.mark.parametrize("empty", [None, "", float("nan"), pandas.NA, pandas.NaT])
def test_empty_cells_are_absent(empty: Any) -> None:
    item = BulkItem({**ROW, "customer": empty, "not_after": empty, "hex": empty, "urn": empty})
    assert item.customer is None and item.not_after is None


def test_rows_come_from_anything_that_yields_mappings(client: Client) -> None:
    text = f"dev_eui,port,hex\n{DEV_EUI},1,0102\n{DEV_EUI},2,0304\n"
    frame = pandas.read_csv(io.StringIO(text), dtype=str)
    table = polars.read_csv(io.StringIO(text), infer_schema=False)
    sources: tuple[Any, ...] = (
        csv.DictReader(io.StringIO(text)),
        frame.to_dict("records"),
        table.to_dicts(),
        table.iter_rows(named=True),
        [MappingProxyType(ROW), BulkItem(ROW)],
        ({**ROW, "port": port} for port in (1, 2)),
    )
    for rows in sources:
        assert [sent.outcome for sent in client.send_downlinks(rows)] == ["accepted"] * 2


@pytest.mark.parametrize(
    ("rows", "advice"),
    [
        (pandas.DataFrame([ROW]), r"rows.to_dict\('records'\)"),
        (polars.DataFrame([{"port": 1}]), r"rows.to_dicts\(\)"),
        (ROW, r"such as \[rows\]"),
        (BulkItem(ROW), r"such as \[rows\]"),
        ("valves.csv", "DictReader"),
        (7, "an iterable of mappings"),
        (None, "an iterable of mappings"),
    ],
)
def test_what_is_not_rows_gets_advice(rows: Any, advice: str, client: Client) -> None:
    with pytest.raises(TypeError, match=advice):
        client.send_downlinks(rows)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({}, "there is no device.*there is no content"),
        ({**ROW, "urn": URN}, "dev_eui and urn are both filled in"),
        ({**ROW, "hex": "01"}, "payload and hex are both filled in"),
        ({**ROW, "text": "a"}, "both filled in"),
        ({**ROW, "port": None}, "port: is empty"),
        ({**ROW, "port": 224}, 'port "224"'),
        ({**ROW, "port": 1.5}, "port is of type float: use an int"),
        ({**ROW, "port": True}, "port is of type bool: use an int"),
        ({**ROW, "payload": b""}, "payload: must have 1 to 242 bytes"),
        ({**ROW, "payload": bytes(243)}, "payload: .*243"),
        ({**ROW, "payload": "0102"}, "payload is of type str: use bytes; hex digits go into hex"),
        ({**ROW, "payload": [1]}, "payload is of type list: use bytes"),
        ({**ROW, "dev_eui": 0x59AC0000181EB6}, r"dev_eui is of type int.*format\(dev_eui, '016X'\)"),
        ({**ROW, "dev_eui": "5.9E+13"}, "scientific notation.*format the column as text"),
        ({**ROW, "reference": 7}, "reference is of type int: use a str"),
        ({**ROW, "not_after": datetime(2126, 1, 1)}, 'not_after: .*"2126-01-01T00:00:00", which names no time zone'),
        ({**ROW, "not_after": 7}, "not_after is of type int: use a datetime with a time zone"),
        ({**ROW, "customer": "a/b"}, "customer"),
        ({**ROW, "prot": 1}, 'column "prot" is not known: did you mean port?'),
        (dict([*ROW.items(), (7, 1)]), "a column name is of type int"),
        ({"dev_eui": DEV_EUI, "senml": 7}, "senml is of type int: use a list of records"),
        ({"dev_eui": DEV_EUI, "senml": "[{]"}, "senml"),
        ([1], "the row is of type list: use a mapping"),
    ],
)
def test_a_wrong_row_is_described(row: Any, what: str, client: Client, service: Service) -> None:
    with pytest.raises(InputError, match=what):
        BulkItem(row)
    with pytest.raises(InputError, match=what) as caught:
        client.send_downlinks([ROW, row])
    ((index, text),) = caught.value.rows
    assert index == 1 and text in str(caught.value)
    assert not service.requests


def test_all_wrong_rows_are_in_one_exception(client: Client, service: Service) -> None:
    rows: list[Mapping[str, Any]] = [{**ROW, "port": number % 2 * 300} for number in range(400)]
    rows[1] = ROW
    with pytest.raises(InputError) as caught:
        client.send_downlinks(rows)
    assert len(caught.value.rows) == 399
    text = str(caught.value)
    assert text.startswith("399 of 400 rows are not valid, so nothing was sent:\n  rows[0]: ")
    assert text.count("\n  rows[") == 100 and text.endswith("and 299 more: see the attribute rows")
    assert pickle.loads(pickle.dumps(caught.value)).rows == caught.value.rows
    assert not service.requests


def test_a_reference_that_occurs_twice_is_refused(client: Client) -> None:
    rows = [{**ROW, "reference": name} for name in ("a", "b", "a")]
    with pytest.raises(InputError, match=r'rows\[2\]: reference "a" is also in rows\[0\]'):
        client.send_downlinks(rows)


def test_no_message_shows_a_payload(client: Client) -> None:
    with pytest.raises(InputError) as caught:
        client.send_downlinks([{**ROW, "payload": None, "hex": "C0FFEE0"}, {"dev_eui": DEV_EUI, "senml": [{"vs": "C0FFEE0"}]}])
    assert "C0FFEE0" not in str(caught.value)


def test_an_exception_of_the_rows_is_raised_as_it_is(client: Client) -> None:
    def rows() -> Any:
        yield ROW
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="the file is gone"):
        client.send_downlinks(rows())


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"window": 0}, "window"),
        ({"window": 257}, "window"),
        ({"spare": 257}, "spare"),
        ({"rate": 0}, "rate is 0"),
        ({"per_device": 0}, "per_device is 0"),
        ({"max_tries": 0}, "max_tries"),
        ({"timeout": 0}, "timeout"),
        ({"patience": -1}, "patience"),
        ({"not_after": datetime(2126, 1, 1)}, "not_after"),
        ({"not_after": ""}, 'not_after is "": expected a time'),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], what: str, client: Client) -> None:
    with pytest.raises(InputError, match=what):
        client.send_downlinks([ROW], **options)


@pytest.mark.parametrize("options", [{"window": "16"}, {"not_after": 7}, {"ledger": 7}, {"source": 7}, {"timeout": "1"}])
def test_an_option_of_a_wrong_type_is_named(options: dict[str, Any], client: Client) -> None:
    with pytest.raises(TypeError, match=next(iter(options))):
        client.send_downlinks([ROW], **options)


def test_a_device_gets_no_more_than_its_number_a_day(client: Client, service: Service) -> None:
    sent = list(client.send_downlinks([ROW] * 2, per_device=2))
    assert [one.outcome for one in sent] == ["accepted"] * 2
    assert service.asked("/downlinks") == 2

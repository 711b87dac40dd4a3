"""Messages of KPN Things are read, and nothing but a typed error comes of others."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone
from typing import Any

import pandas
import polars
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpn_things.uplink import UplinkFieldError, UplinkParseError, parse

LORA = (
    b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},{"n":"payload","vs":"0102ff"},{"n":"port","v":1.0},'
    b'{"n":"FCntUp","v":7},{"n":"LrrRSSI","v":-97.0},{"n":"SpFact","vs":"12"},{"n":"timeOrigin","vs":"NETWORK"},'
    b'{"n":"temperature","u":"Cel","v":21.50,"mine":[1]},{"n":"open","vb":true},{"n":"blob","vd":"aGk"}]'
)


def test_a_lora_uplink_is_read() -> None:
    uplink = parse(LORA)
    assert (uplink.device, uplink.dev_eui, uplink.imei, uplink.device_uuid) == ("0059AC0000181EB6",) * 2 + (None, None)
    lora = uplink.lora
    assert lora is not None and uplink.location is None
    assert (lora.payload, lora.port, lora.frame_counter_up, lora.frame_counter_down) == (b"\x01\x02\xff", 1, 7, None)
    assert (lora.rssi, lora.snr, lora.esp, lora.spreading_factor, lora.time) == (-97.0, None, None, 12, 1765739960.26)
    assert lora.metadata["timeOrigin"] == "NETWORK" and lora.metadata["FCntUp"] == 7
    assert len(uplink.leniencies) == 1 and "record 6" in uplink.leniencies[0]


def test_measurements_have_all_fields() -> None:
    temperature = parse(LORA).measurements[6]
    assert (temperature.name, temperature.unit, temperature.value, temperature.digits) == ("temperature", "Cel", 21.5, "21.50")
    assert temperature.full_name == "urn:dev:DEVEUI:0059AC0000181EB6:temperature"
    assert (temperature.time, temperature.nanoseconds, temperature.is_relative) == (1765739960.26, 1765739960260000000, False)
    assert (temperature.sum, temperature.update_time, temperature.content_format) == (None, None, None)
    assert (temperature.extra, temperature.record) == ({"mine": [1]}, 7)
    assert [one.value for one in parse(LORA).measurements[7:]] == [True, b"hi"]


@pytest.mark.parametrize(
    ("written", "value"),
    [("7", 7), ("7.0", 7.0), ("1e3", 1000.0), ("123456789012345678901234567890", 123456789012345678901234567890), ("-0", 0)],
)
def test_whole_numbers_are_int(written: str, value: float) -> None:
    read = parse(f'[{{"n":"a","v":{written}}}]'.encode()).measurements[0]
    assert (read.value, type(read.value), read.digits) == (value, type(value), written)


def test_thousands_of_digits_are_a_float() -> None:
    assert isinstance(parse(b'[{"n":"a","v":' + b"1" * 300 + b"}]").measurements[0].value, int)


def test_a_location_is_read_with_both_forms_of_its_time() -> None:
    for time in ('"v":1765739960.5', '"vs":"1765739960500"'):
        uplink = parse(
            b'[{"bn":"urn:dev:IMEI:352656100000000:","bt":1765739960},{"n":"latitude","u":"lat","v":52.1},'
            b'{"n":"longitude","u":"lon","v":4.3},{"n":"radius","v":9},{"n":"locTime",%s}]' % time.encode()
        )
        location = uplink.location
        assert location is not None and uplink.imei == "352656100000000" and uplink.lora is None
        assert (location.latitude, location.longitude, location.radius) == (52.1, 4.3, 9.0)
        assert location.time == datetime(2025, 12, 14, 19, 19, 20, 500000, tzinfo=timezone.utc)


def test_a_record_without_a_time_has_that_of_its_receipt() -> None:
    body = b'[{"n":"a","v":1}]'
    for now in (1765739960.5, datetime.fromtimestamp(1765739960.5, timezone.utc)):
        measurement = parse(body, now).measurements[0]
        assert (measurement.time, measurement.is_relative) == (1765739960.5, True)
    with pytest.raises(TypeError, match="time zone"):
        parse(body, datetime(2025, 1, 1))


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"", "JSON"), (b"{}", "SenML"), (b'[{"n":"a"}]', "record 1"), (b"\xff", "byte 1"), (b'[{"i_":3,"v":1}]', "ThingsML")],
)
def test_what_is_not_senml_is_an_error(body: bytes, text: str) -> None:
    with pytest.raises(UplinkParseError, match=text) as caught:
        parse(body)
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), UplinkParseError)


def test_a_field_that_cannot_be_read_leaves_the_others() -> None:
    lora = parse(LORA.replace(b"0102ff", b"0102fg")).lora
    assert lora is not None and lora.port == 1
    with pytest.raises(UplinkFieldError, match="record 2"):
        _ = lora.payload


def test_all_parts_can_be_pickled_and_show_no_value() -> None:
    uplink = parse(LORA, 1.0)
    for part in (uplink, *uplink.measurements):
        again = pickle.loads(pickle.dumps(part))
        assert again == part and hash(again) == hash(part)
        assert "21.5" not in repr(part) and "0102" not in repr(part)
    lora = pickle.loads(pickle.dumps(uplink.lora))
    assert lora.payload == b"\x01\x02\xff" and repr(lora) == "<Lora on port 1>"


def test_rows_make_a_data_frame_in_one_line() -> None:
    rows = parse(LORA).rows()
    frame = pandas.DataFrame(rows)
    assert frame.set_index("name").loc["temperature", "value"] == 21.5
    assert pandas.to_datetime(frame["time"], utc=True)[0].timestamp() == 1765739960.26
    assert polars.DataFrame(rows).filter(polars.col("name") == "open")["flag"].to_list() == [True]
    values = [row["value"] for row in rows if row["name"] in ("port", "temperature", "blob")]
    assert values == [1.0, 21.5, None] and rows[-1]["data"] == b"hi"


PAYLOAD = b"""[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1765739960.26,"n":"payload","vs":"00d7"},{"n":"port","v":2.0}]"""


def celsius(port: int, payload: bytes) -> list[dict[str, Any]]:
    assert port == 2
    return [{"n": "temperature", "u": "Cel", "v": int.from_bytes(payload, "big", signed=True) / 10}]


def test_a_codec_makes_an_uplink_of_a_payload() -> None:
    decoded = parse(PAYLOAD).decode(celsius)
    assert decoded and decoded.dev_eui == "0059AC0000181EB6"
    (measurement,) = decoded.measurements
    assert (measurement.name, measurement.value, measurement.unit) == ("temperature", 21.5, "Cel")
    assert measurement.nanoseconds == 1765739960260000000
    assert pickle.loads(pickle.dumps(decoded)) == decoded
    relative = PAYLOAD.replace(b'"bt":1765739960.26,', b'"t":-5,')
    decoded = parse(relative, 1_700_000_000).decode(celsius)
    assert decoded and decoded.measurements[0].time == 1_699_999_995.0


def test_a_codec_that_fails_says_why() -> None:
    uplink = parse(PAYLOAD)
    with pytest.raises(ZeroDivisionError):
        uplink.decode(lambda port, payload: [{"v": 1 / 0}])
    wrong: Any
    for wrong in (None, [1], 5):
        with pytest.raises(TypeError, match="the codec must return a list of dictionaries"):
            uplink.decode(lambda port, payload: wrong)
    with pytest.raises(UplinkParseError, match="the codec returned wrong records: SenML record 1"):
        uplink.decode(lambda port, payload: [{"n": "temperature", "v": "warm"}])
    with pytest.raises(UplinkParseError):
        uplink.decode(lambda port, payload: [{"n": "temperature", "v": float("nan")}])
    assert uplink.decode(lambda port, payload: []) is None
    assert parse(b'[{"n":"temperature","v":1}]').decode(celsius) is None


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
LABEL = st.sampled_from(["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut", "x_", "i_", "mine"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.lists(st.dictionaries(LABEL, JSON, max_size=5), max_size=5), st.floats())
def test_any_message_is_read_or_a_typed_error(message: Any, now: float) -> None:
    import json

    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    try:
        uplink = parse(body, now)
    except UplinkParseError:
        return
    assert len(uplink.rows()) == len(uplink.measurements)
    for measurement in uplink.measurements:
        assert isinstance(measurement.time, float) and isinstance(measurement.extra, dict)
        assert isinstance(measurement.value, (int, float, str, bool, bytes, type(None)))
    for part in (uplink.lora, uplink.location):
        for name in (name for name in dir(part) if part is not None and not name.startswith("_")):
            try:
                getattr(part, name)
            except UplinkFieldError as error:
                assert "record" in str(error)

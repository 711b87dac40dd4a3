"""An independent SenML library reads the payloads that the clients send to a device.

It is micropython-senml, KPN's own library as MicroPython maintains it. The registry has two others. kpn-senml is as KPN
left it, with Python 2 code for strings, and the last release of senml was in 2016.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from senml import SenmlPack  # type: ignore[import-untyped]

from .either import Either, result
from .service import Service

examples = settings(max_examples=50, deadline=None, database=None, derandomize=True)

dev_euis = st.binary(min_size=8, max_size=8).map(bytes.hex)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9:./_-]{0,30}", fullmatch=True)
values = st.one_of(
    st.tuples(st.just("v"), st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("vs"), st.text()),
    st.tuples(st.just("vb"), st.booleans()),
)


class Actuation(NamedTuple):
    """A value that a device receives."""

    device: str
    name: str
    value: Any


def actuations(pack: bytes) -> list[Actuation]:
    """The actuations that the library reads from a pack."""
    told: list[Actuation] = []
    reader = SenmlPack("", lambda record, device: told.append(Actuation(device.name, record.name, record.value)))
    reader.from_json(pack.decode())
    return told


@examples
@given(dev_eui=dev_euis, payload=st.binary(min_size=1, max_size=242), port=st.integers(1, 223))
def test_bytes_arrive_as_they_were_sent(
    service: Service, client: Either, dev_eui: str, payload: bytes, port: int
) -> None:
    result(client.send_downlink(dev_eui, payload, port=port, external_reference=""))
    request = service.received[-1]
    assert request.path == f"/api/actuator/downlinks?port={port}"
    assert actuations(request.body) == [(f"urn:dev:DEVEUI:{dev_eui.upper()}:", "payloadHex", payload.hex())]


@examples
@given(device=names.map("urn:dev:{}".format), records=st.dictionaries(names, values, min_size=1, max_size=20))
def test_records_arrive_as_they_were_sent(
    service: Service, client: Either, device: str, records: dict[str, tuple[str, Any]]
) -> None:
    result(client.send_senml([{"n": name, kind: value} for name, (kind, value) in records.items()], device=device))
    told = actuations(service.received[-1].body)
    assert told == [(device, name, value) for name, (_, value) in records.items()]
    assert [type(one.value) for one in told] == [type(value) for _, value in records.values()]

"""The differences between two listings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kpn_things import Client, Device, DeviceDiff, FieldChange, IncompleteError, InputError, diff_devices
from kpn_things.testing import Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=0, customers={}) as simulator:
        for number, name in enumerate(["Hall", "Pump", "Valve", "Parking"], 1):
            simulator.add_device(name, uuid=f"u-{number}")
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    with simulator.client() as client:
        yield client


def change(simulator: Simulator) -> None:
    """Removes, adds and changes a device each."""
    simulator.remove_device("u-1")
    simulator.add_device("New", uuid="u-5")
    simulator.add_device("Pump west", uuid="u-2", metadata={"floor": 2}, eui="0059AC0000181EB6")


def device(**fields: Any) -> Device:
    return Device.from_json(json.dumps(fields))


def record(**fields: Any) -> str:
    known = {"proven": True, "requests": 1, "devices": 1, "when": "2026-07-01T09:30:00Z", "base_url": "https://b"}
    return json.dumps({"_listing": {**known, **fields}}) + "\n"


def uuids(devices: tuple[Device, ...]) -> list[str]:
    return [device.uuid for device in devices]


def test_a_proven_listing_shows_what_was_removed(simulator: Simulator, client: Client) -> None:
    old = client.devices().verified().collect()
    same = diff_devices(old, client.devices().verified())
    assert not same and same == DeviceDiff((), (), (), ()) and same.new_doubt is None
    change(simulator)
    for new in (client.devices().verified(), client.devices().verified().collect()):
        diff = diff_devices(old, new)
        assert diff and (diff.old_doubt, diff.new_doubt) == (None, None)
        assert (uuids(diff.added), uuids(diff.removed), uuids(diff.not_listed)) == (["u-5"], ["u-1"], [])
        [changed] = diff.changed
        assert (changed.old.name, changed.new.name) == ("Pump", "Pump west")
        assert changed.fields == (
            FieldChange("name", "Pump", "Pump west"),
            FieldChange("metadata", None, {"floor": 2}),
            FieldChange("eui", None, "0059AC0000181EB6"),
        )
    assert repr(diff) == "<DeviceDiff: 1 added, 1 changed, 1 removed, 0 not_listed>"


def test_without_a_proof_a_device_is_only_not_listed(simulator: Simulator, client: Client) -> None:
    old = client.devices().verified().collect()
    change(simulator)
    plain = client.devices()
    for new in (plain, plain.collect(), list(plain), iter(plain), iter(client.devices().verified()), plain.collect().devices):
        diff = diff_devices(old, new)
        assert (uuids(diff.removed), uuids(diff.not_listed)) == ([], ["u-1"])
        assert diff.new_doubt == "it is not a listing by verified()" and diff.old_doubt is None


def test_files_carry_their_proof(tmp_path: Path) -> None:
    old, new = tmp_path / "old.ndjson", tmp_path / "new.ndjson"
    old.write_text('{"uuid":"u-1","n":1.0}\n{"uuid":"u-2","a":{"x":1,"y":2}}\n' + record(devices=2))
    new.write_text('{"uuid":"u-2","a":{"y":2, "x":1}}\n' + record(devices=1))
    diff = diff_devices(old, str(new))
    assert (uuids(diff.removed), diff.changed, diff.old_doubt, diff.new_doubt) == (["u-1"], (), None, None)
    new.write_text('{"uuid":"u-2"}\n{"uuid":"u-1","n":12345678901234567890123}\n')
    diff = diff_devices(old, new)
    assert uuids(tuple(change.new for change in diff.changed)) == ["u-2", "u-1"]
    assert diff.changed[1].fields == (FieldChange("n", 1.0, 12345678901234567890123),)
    assert diff.new_doubt is not None and "_listing record" in diff.new_doubt
    assert uuids(diff_devices(old, []).not_listed) == ["u-1", "u-2"]


def test_a_saved_listing_is_compared_with_the_account(
    tmp_path: Path, simulator: Simulator, client: Client
) -> None:
    old = tmp_path / "old.ndjson"
    old.write_text('{"uuid":"u-9"}\n' + record(base_url=simulator.url))
    assert uuids(diff_devices(old, client.devices().verified()).removed) == ["u-9"]
    requests = simulator.calls()
    for listing in (client.devices(search="Pump").verified(), client.for_customer("c-1").devices()):
        with pytest.raises(InputError, match="listings cannot be compared: the old one is of (all devices|no customer)"):
            diff_devices(old, listing)
    old.write_text('{"uuid":"u-9"}\n' + record())
    with pytest.raises(InputError, match="https://b, and the new one is of http://127"):
        diff_devices(old, client.devices())
    assert simulator.calls() == requests


def test_errors_name_the_line_or_the_argument(tmp_path: Path) -> None:
    file = tmp_path / "old.ndjson"
    file.write_text('{"uuid":"u-1"}\n\n{"uuid":"u-1"}\n')
    with pytest.raises(InputError, match=r'old\.ndjson, line 3: the uuid "u-1" is also on line 1'):
        diff_devices(file, [])
    with pytest.raises(FileNotFoundError):
        diff_devices(tmp_path / "nowhere", [])
    with pytest.raises(InputError, match='uuid "a" is in the new listing twice'):
        diff_devices([], [device(uuid="a"), device(uuid="a")])
    wrong: list[tuple[Any, str]] = [
        (None, "new is of type NoneType: pass a file, a listing or devices"),
        (5, "new is of type int"),
        (device(uuid="a"), "new is of type Device"),
        ([{"uuid": "a"}], "new holds a dict: pass devices"),
    ]
    for argument, message in wrong:
        with pytest.raises(TypeError, match=message):
            diff_devices([], argument)


def test_a_listing_of_an_async_client_is_awaited_first(simulator: Simulator) -> None:
    async def main() -> None:
        async with simulator.async_client() as client:
            with pytest.raises(TypeError, match=r"new is of type AsyncDevices: await its collect\(\)"):
                diff_devices([], client.devices())  # type: ignore[arg-type]
            fleet = await client.devices().verified().collect()
            assert uuids(diff_devices([device(uuid="u-7")], fleet).removed) == ["u-7"]

    asyncio.run(main())


def test_a_proof_that_fails_is_raised() -> None:
    quirks = ["sort-by-uuid:ignored", "sort-echo:absent"]
    with Simulator(devices=300, quirks=quirks) as simulator, simulator.client() as client:
        with pytest.raises(IncompleteError):
            diff_devices([], client.devices().verified())

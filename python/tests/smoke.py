"""Checks that the wheel works without other packages. `cargo xtask test` runs it on every available interpreter."""

from __future__ import annotations

import asyncio
import sys

from kpn_things import AsyncClient, Client
from kpn_things.testing import Simulator


async def on_asyncio(environment: dict[str, str]) -> tuple[int, int]:
    async with AsyncClient.from_env(environment) as client:
        names = [device.name async for device in client.devices()]
        receipt = await client.send_downlink("0059AC0000181EB6", b"\x01\x02", port=1)
        return len(names), receipt.status


with Simulator(devices=45) as simulator:
    with Client.from_env(simulator.environment()) as client:
        assert len([device.name for device in client.devices()]) == 45
        assert client.send_downlink("0059AC0000181EB6", b"\x01\x02", port=1).status == 201
    assert asyncio.run(on_asyncio(simulator.environment())) == (45, 201)
    assert [downlink.payload for downlink in simulator.downlinks] == [b"\x01\x02"] * 2
print("smoke:", sys.version.split()[0], "ok")

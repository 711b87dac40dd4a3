"""Run by `cargo xtask test` on every interpreter there is: the wheel works where nothing else is installed."""

import asyncio
import sys

from kpn_things import AsyncClient, Client
from kpn_things.testing import Simulator


def send(client):
    return client.send_downlink("0059AC0000181EB6", b"\x01\x02", port=1, external_reference="valve-42")


async def on_asyncio(environment):
    async with AsyncClient.from_env(environment) as client:
        names = [device.name async for device in client.devices()]
        return len(names), (await send(client)).status


with Simulator(devices=45) as simulator:
    with Client.from_env(simulator.environment()) as client:
        assert len([device.name for device in client.devices()]) == 45
        assert send(client).status == 201
    assert asyncio.run(on_asyncio(simulator.environment())) == (45, 201)
    assert [downlink.payload for downlink in simulator.downlinks] == [b"\x01\x02"] * 2
print("smoke:", sys.version.split()[0], "ok")

"""A user's program: it waters gardens, and reports on the fleet. Type checkers check it, and a test runs it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kpn_things import (
    AsyncClient,
    Client,
    ConnectError,
    Device,
    DownlinkOutcomeUnknown,
    Event,
    Fleet,
    IncompleteError,
    KpnThingsError,
    Receipt,
    RetryPolicy,
)

ACCEPT = {"Accept": "application/vnd.kpnthings.device.v1.response+json"}
PORT = 10


@dataclass
class Sent:
    """The outcomes of the downlinks of a program."""

    accepted: dict[str, Receipt] = field(default_factory=dict[str, Receipt])
    not_sent: list[str] = field(default_factory=list[str])
    unknown: list[str] = field(default_factory=list[str])


class Statistics:
    """The requests of a program."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.seconds = 0.0

    def see(self, event: Event) -> None:
        if event.kind == "request" and event.status is not None:
            self.statuses[event.status] += 1
            self.seconds += event.elapsed


def connect() -> Client:
    return Client.from_env(timeout=60, user_agent="gardens/1.2")


def patient(client: Client) -> Client:
    return client.with_options(timeout=120, retry=RetryPolicy(max_attempts=5, base_delay=0.01))


def watched(client: Client, statistics: Statistics) -> Client:
    return client.with_options(on_event=statistics.see)


def label(device: Device) -> str:
    return f"{device.name} ({device.description or 'no description'})"


def is_wet(device: Device) -> bool:
    return bool(device.get("metadata"))


def complete(client: Client) -> tuple[Device, ...]:
    try:
        return client.devices(page_size=50).verified().collect().devices
    except IncompleteError as error:
        return error.devices


def water(client: Client, minutes: Mapping[str, int]) -> Sent:
    sent = Sent()
    for dev_eui, number in minutes.items():
        try:
            sent.accepted[dev_eui] = client.send_downlink(dev_eui, bytes([number]), port=PORT)
        except DownlinkOutcomeUnknown as error:
            sent.unknown.append(error.external_reference or dev_eui)
        except KpnThingsError as error:
            if error.outcome == "unknown":
                raise
            sent.not_sent.append(dev_eui)
    return sent


def probe(client: Client, dev_eui: str) -> Receipt:
    return client.send_downlink(dev_eui, b"\xff", port=PORT)


def save(client: Client, file: Path) -> str:
    response = client.request("GET", "/api/devices", params={"pageSize": 1}, headers=ACCEPT)
    file.write_bytes(response.content)
    return response.headers["Content-Type"]


def rows(fleet: Fleet) -> str:
    return json.dumps(fleet.to_dicts())


def customers(client: Client, ids: list[str]) -> dict[str, int]:
    return {one: len(client.for_customer(one).devices(strict=True).collect()) for one in ids}


async def names(client: AsyncClient) -> list[str]:
    return [device.name async for device in client.devices(sort_by="name", descending=True)]


async def largest_page(client: AsyncClient) -> int:
    return max([len(page) async for page in client.devices(window=2).pages()])


async def stop(client: AsyncClient, dev_eui: str) -> None:
    await client.send_downlink(dev_eui, b"\x00", port=PORT, external_reference="stop")
    await client.send_senml([{"n": "valve", "vs": "closed"}], device=dev_eui, timeout=5)


async def stop_all(dev_euis: list[str]) -> list[str]:
    try:
        async with AsyncClient.from_env(max_connections=10, pool_timeout=5.0) as client:
            await asyncio.gather(*(stop(client, dev_eui) for dev_eui in dev_euis))
            assert await largest_page(client) > 0
            return await names(client)
    except ConnectError as error:
        return [error.hint or str(error)]


def main(minutes: Mapping[str, int], file: Path) -> tuple[Sent, Statistics, list[str]]:
    statistics = Statistics()
    with connect() as client:
        client = watched(client, statistics)
        wet = [label(device) for device in complete(patient(client)) if is_wet(device)]
        assert all(probe(client, dev_eui).external_reference for dev_eui in minutes)
        sent = water(client, minutes)
        assert save(client, file) and rows(client.devices().collect())
    return sent, statistics, [*wet, *asyncio.run(stop_all(list(minutes)))]

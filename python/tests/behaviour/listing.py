"""Listings with either client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from kpn_things import AsyncClient, Client, Fleet, KpnThingsError, ListingReport, Proof

From = Callable[[Any], Any]
"""Gets a listing from a client, such as `lambda client: client.devices().pages()`."""


@dataclass
class Read:
    """The items of an iterator, and the error that ended it."""

    items: list[Any] = field(default_factory=list)
    error: KpnThingsError | None = None
    report: ListingReport | None = None
    proof: Proof | None = None


class Lister(Protocol):
    """Lists with either client."""

    def read(self, listing: From) -> Read:
        """Iterates to the end, or to an error."""
        ...

    def collect(self, listing: From) -> Fleet:
        """Collects all devices at once."""
        ...


@dataclass
class Blocking:
    """Lists with `Client`."""

    environment: Mapping[str, str]

    def read(self, listing: From) -> Read:
        """Iterates to the end, or to an error."""
        read = Read()
        with Client.from_env(self.environment) as client:
            items = iter(listing(client))
            try:
                read.items.extend(items)
            except KpnThingsError as error:
                read.error = error
            assert list(items) == [], "the iterator continued after its end"
            read.report, read.proof = items.report, items.proof
        return read

    def collect(self, listing: From) -> Fleet:
        """Collects all devices at once."""
        with Client.from_env(self.environment) as client:
            fleet = listing(client).collect()
            assert isinstance(fleet, Fleet)
            return fleet


@dataclass
class Asynchronous:
    """Lists with `AsyncClient`."""

    environment: Mapping[str, str]

    def read(self, listing: From) -> Read:
        """Iterates to the end, or to an error."""

        async def main() -> Read:
            read = Read()
            async with AsyncClient.from_env(self.environment) as client:
                items = aiter(listing(client))
                try:
                    async for item in items:
                        read.items.append(item)
                except KpnThingsError as error:
                    read.error = error
                assert [item async for item in items] == [], "the iterator continued after its end"
                read.report, read.proof = items.report, items.proof
            return read

        return asyncio.run(main())

    def collect(self, listing: From) -> Fleet:
        """Collects all devices at once."""

        async def main() -> Fleet:
            async with AsyncClient.from_env(self.environment) as client:
                fleet = await listing(client).collect()
                assert isinstance(fleet, Fleet)
                return fleet

        return asyncio.run(main())


either = pytest.mark.parametrize("lister", [Blocking, Asynchronous], ids=["sync", "async"])
"""Runs a test with each client."""


def uuids(devices: Iterable[Any]) -> list[str]:
    return [device.uuid for device in devices]

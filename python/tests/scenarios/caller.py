"""The two clients as callers of a scenario."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import Protocol

from kpn_things import AsyncClient, Client, Device, Item, KpnThingsError, Page, Sent
from kpn_things._native import Config, TestClock

from . import arguments, outcome
from .outcome import Outcome
from .scenario import Call
from .script import Script


class Caller(Protocol):
    """A client that makes each call once the server has received the number of requests that the call waits for."""

    def __init__(self, config: Config, script: Script, clock: TestClock) -> None: ...

    def make(self, call: Call) -> Outcome:
        """Makes a call."""
        ...

    def make_at_once(self, calls: list[Call]) -> list[Outcome]:
        """Makes concurrent calls."""
        ...

    def close(self) -> None:
        """Closes the connections."""
        ...


class BlockingCaller:
    """Calls `Client`. Each concurrent call has its own thread."""

    def __init__(self, config: Config, script: Script, clock: TestClock) -> None:
        self._client = Client._of(config)
        self._script = script
        self._clock = clock

    def make(self, call: Call) -> Outcome:
        self._script.wait_for(call.after)
        begun = self._clock.elapsed()
        try:
            came = self._make(call)
        except (KpnThingsError, TypeError) as error:
            came = _failure(call, error)
        return replace(came, took_ms=self._clock.elapsed() - begun)

    def make_at_once(self, calls: list[Call]) -> list[Outcome]:
        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(self.make, calls))

    def close(self) -> None:
        self._client.close()

    def _make(self, call: Call) -> Outcome:
        client = self._client if call.for_customer is None else self._client.for_customer(call.for_customer)
        match call.do:
            case "devices":
                return self._devices(client, call)
            case "pages":
                return self._pages(client, call)
            case "collect":
                return outcome.fleet(client.devices(**arguments.listing(call)).collect())
            case "verified":
                return outcome.fleet(client.devices(**arguments.listing(call)).verified().collect())
            case "customers":
                listing = client.for_customers(call.customers).devices(**arguments.listing(call))
                return outcome.customers(list(listing))
            case "items":
                return self._items(client, call)
            case "send_downlink" if call.senml is None:
                return outcome.receipt(client.send_downlink(**arguments.downlink(call)))
            case "send_downlink":
                return outcome.receipt(client.send_senml(**arguments.senml(call)))
            case "send_downlinks":
                return self._send(client, call)
            case "request":
                return outcome.answer(client.request(**arguments.request(call)))
            case "context_switch":
                return outcome.context_switch(client.context_switch(**arguments.context_switch(call)))
            case unknown:
                raise ValueError(f"no such action: {unknown}")

    def _devices(self, client: Client, call: Call) -> Outcome:
        devices: list[Device] = []
        try:
            for device in client.devices(**arguments.listing(call)):
                devices.append(device)
        except KpnThingsError as error:
            return outcome.failure(error, devices)
        return outcome.devices(devices)

    def _items(self, client: Client, call: Call) -> Outcome:
        resource, options = arguments.items(call)
        items: list[Item] = []
        try:
            for item in getattr(client.current(), resource)(**options):
                items.append(item)
        except KpnThingsError as error:
            return _before(items, error)
        return outcome.items(items)

    def _pages(self, client: Client, call: Call) -> Outcome:
        pages: list[Page] = []
        try:
            for page in client.devices(**arguments.listing(call)).pages():
                pages.append(page)
        except KpnThingsError as error:
            return outcome.failure(error, list(chain.from_iterable(pages)))
        return outcome.pages(pages)


    def _send(self, client: Client, call: Call) -> Outcome:
        ended: list[Sent] = []
        try:
            for sent in client.send_downlinks(**arguments.downlinks(call)):
                ended.append(sent)
        except KpnThingsError as error:
            return outcome.sent(ended, error)
        return outcome.sent(ended)


class AsyncCaller:
    """Calls `AsyncClient`. Each concurrent call has its own task."""

    def __init__(self, config: Config, script: Script, clock: TestClock) -> None:
        self._client = AsyncClient._of(config)
        self._script = script
        self._clock = clock
        self._loop = asyncio.new_event_loop()

    def make(self, call: Call) -> Outcome:
        return self._loop.run_until_complete(self._begin(call))

    def make_at_once(self, calls: list[Call]) -> list[Outcome]:
        async def gathered() -> list[Outcome]:
            return await asyncio.gather(*map(self._begin, calls))

        return self._loop.run_until_complete(gathered())

    def close(self) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _begin(self, call: Call) -> Outcome:
        if call.after:
            await asyncio.to_thread(self._script.wait_for, call.after)
        begun = self._clock.elapsed()
        try:
            came = await self._make(call)
        except (KpnThingsError, TypeError) as error:
            came = _failure(call, error)
        return replace(came, took_ms=self._clock.elapsed() - begun)

    async def _make(self, call: Call) -> Outcome:
        client = self._client if call.for_customer is None else self._client.for_customer(call.for_customer)
        match call.do:
            case "devices":
                return await self._devices(client, call)
            case "pages":
                return await self._pages(client, call)
            case "collect":
                return outcome.fleet(await client.devices(**arguments.listing(call)).collect())
            case "verified":
                return outcome.fleet(await client.devices(**arguments.listing(call)).verified().collect())
            case "customers":
                listing = client.for_customers(call.customers).devices(**arguments.listing(call))
                return outcome.customers([fleet async for fleet in listing])
            case "items":
                return await self._items(client, call)
            case "send_downlink" if call.senml is None:
                return outcome.receipt(await client.send_downlink(**arguments.downlink(call)))
            case "send_downlink":
                return outcome.receipt(await client.send_senml(**arguments.senml(call)))
            case "send_downlinks":
                return await self._send(client, call)
            case "request":
                return outcome.answer(await client.request(**arguments.request(call)))
            case "context_switch":
                return outcome.context_switch(await client.context_switch(**arguments.context_switch(call)))
            case unknown:
                raise ValueError(f"no such action: {unknown}")

    async def _devices(self, client: AsyncClient, call: Call) -> Outcome:
        devices: list[Device] = []
        try:
            async for device in client.devices(**arguments.listing(call)):
                devices.append(device)
        except KpnThingsError as error:
            return outcome.failure(error, devices)
        return outcome.devices(devices)

    async def _items(self, client: AsyncClient, call: Call) -> Outcome:
        resource, options = arguments.items(call)
        items: list[Item] = []
        try:
            async for item in getattr(client.current(), resource)(**options):
                items.append(item)
        except KpnThingsError as error:
            return _before(items, error)
        return outcome.items(items)

    async def _pages(self, client: AsyncClient, call: Call) -> Outcome:
        pages: list[Page] = []
        try:
            async for page in client.devices(**arguments.listing(call)).pages():
                pages.append(page)
        except KpnThingsError as error:
            return outcome.failure(error, list(chain.from_iterable(pages)))
        return outcome.pages(pages)

    async def _send(self, client: AsyncClient, call: Call) -> Outcome:
        ended: list[Sent] = []
        try:
            async for sent in client.send_downlinks(**arguments.downlinks(call)):
                ended.append(sent)
        except KpnThingsError as error:
            return outcome.sent(ended, error)
        return outcome.sent(ended)


def _before(items: list[Item], error: KpnThingsError) -> Outcome:
    """The failure of a listing of the current API, with the items before it."""
    came = outcome.failure(error)
    return replace(came, fields={**came.fields, **outcome.items(items).fields})


def _failure(call: Call, error: KpnThingsError | TypeError) -> Outcome:
    if isinstance(error, KpnThingsError):
        return outcome.failure(error)
    if isinstance(arguments.payload(call), str):
        return outcome.refusal(error)
    raise error

"""The client for asyncio."""

from __future__ import annotations

from ._arguments import body, pairs, payload_bytes, to_json, whole
from ._base import BaseClient
from ._listing import AsyncListing, collect_async, devices_of, itself
from ._native import AsyncCaller, Fleet, Receipt, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self

    from ._native import AsyncFeed, Device, Page
    from ._options import Pairs, Payload, Records


class AsyncClient(BaseClient):
    """A client for KPN Things on asyncio, with the methods and options of `Client`.

        async with AsyncClient.from_env() as client:
            async for device in client.devices():
                print(device.name)

    Its methods are coroutines: `asyncio.create_task` takes them, and cancelling one ends its IO. A downlink that is
    cancelled in flight may have arrived. The IO is done by threads of its own, of which a forked child gets new ones.
    It needs asyncio's event loop: trio has to run it by `trio-asyncio`.

    Args:
        tenant_id: The slug of the GRIP tenant, such as `rjsfm52t`.
        key_id: The id of the API key.
        key_secret: Its secret.
        application_id: The id of the service wanted, if it is not the documented one.
        grip_base_url: The identity service; by default `https://auth.grip-on-it.com`.
        token_url: The token endpoint, in place of the one made of `grip_base_url` and `tenant_id`; or `grip-v3`.
        base_url: The API; by default `https://api.kpnthings.com`.
        customer_id: The sub-customer that all calls are made for.
        security_context: Sent verbatim as `KPN-Things-Security-Context`.
        timeout: Seconds for a whole call, retries included; 30 by default.
        attempt_timeout: Seconds for one attempt; 15 by default.
        connect_timeout: Seconds to make a connection; 5 by default.
        max_attempts: Most attempts at a read; 3 by default. A downlink is only repeated if it is proven unsent.
        max_body: Most bytes of an answer; 16 MiB by default.
        max_pages: Most pages of a listing; 100,000 by default.
        ca_bundle: Certificates to trust instead of the platform's: the path of a PEM file, or its content as `bytes`.
        proxy: The HTTP proxy for https, such as `http://user:password@proxy.example:3128`, user and password
            percent-encoded. By default that of `HTTPS_PROXY` or `ALL_PROXY`, without the hosts of `NO_PROXY`; `""` is none.
            A pickled client does not hold a proxy with a password.
        user_agent: Your program in the `User-Agent` of all requests, in front of this library, such as `my-app/1.2`.
        allow_http: Hosts other than this machine that plain http may go to, named exactly, without a port.

    Raises:
        ConfigError: Settings are missing or cannot be right; the message names all of them.
    """

    __module__ = "kpn_things"
    __slots__ = ()

    _caller: AsyncCaller
    _caller_type = AsyncCaller

    def devices(
        self,
        *,
        search: str | None = None,
        sort_by: str | None = None,
        descending: bool | None = None,
        page_size: int | None = None,
        window: int = 8,
        timeout: float | None = None,
        deadline: float | None = None,
        strict: bool = False,
    ) -> AsyncDevices:
        """All devices: `async for` over it, or over its `pages()`, or await `collect()`. Nothing is requested before that.

        `client.devices().verified()` is a listing that proves it is complete.

        Args:
            search: Only devices that match this text: partial, and **case-sensitive**.
            sort_by: The field to order by. The default is `uuid`, because names repeat: the service may order equal names
                differently in each request, and then pages overlap and skip devices.
            descending: Whether in descending order; the service's default is ascending.
            page_size: Devices per page; the default is 100. The service may return smaller pages.
            window: Pages in flight at a time, 1 to 64.
            timeout: Seconds for one page, with its token and its retries; the default is the client's.
            deadline: Seconds for all pages together, from the first request. By default there is no such limit.
            strict: Raise `ListingError` where pages do not fit together: a device that comes twice, a total that moves, fewer
                devices than the service counts. By default this is logged as a warning, and is in the `report`.
        """
        size, window = whole("page_size", page_size), whole("window", window)
        arguments = (search, sort_by, descending, size, window, timeout, deadline)
        return AsyncDevices(self._caller, arguments, bool(strict))

    async def send_downlink(
        self,
        dev_eui: str,
        payload: Payload,
        *,
        port: int,
        external_reference: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Sends bytes to a LoRa device, at most once.

        It is repeated only where it is proven that the service did not act on it. If an exception's `outcome` is
        `unknown`, the downlink may have arrived: look before you send it again.

        Args:
            dev_eui: 16 hex digits, in either case, plain or in pairs with `-` or `:`.
            payload: 1 to 242 bytes; more than 51 reach a device only at a good data rate.
            port: The LoRa port (FPort), 1 to 223.
            external_reference: Your own name for it.
            timeout: Seconds for the whole call.
        """
        data = payload_bytes(payload)
        return await self._caller.send_raw(dev_eui, data, whole("port", port), external_reference, timeout)

    async def send_senml(
        self,
        records: Records,
        *,
        device: str | None = None,
        port: int | None = None,
        external_reference: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Sends SenML records of your own (RFC 8428), such as a named instruction; at most once, as `send_downlink`.

        Args:
            records: The records. The first names its device in `bn`, unless `device` does.
            device: A DevEUI, or a URN such as `urn:dev:IMEI:490154203237518:`.
            port: The LoRa port, where your records need one.
            external_reference: Your own name for it.
            timeout: Seconds for the whole call.
        """
        pack = to_json(records)
        return await self._caller.send_senml(pack, device, whole("port", port), external_reference, timeout)

    async def context_switch(self, customer_id: str, *, timeout: float | None = None) -> Any:
        """Switches to a sub-customer and gives the answer's body. `for_customer` does this by itself.

        Args:
            customer_id: The Customer ID of the sub-customer.
            timeout: Seconds for the whole call.
        """
        return await self._caller.context_switch(customer_id, timeout)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Pairs | None = None,
        headers: Pairs | None = None,
        json: Any = None,
        content: Payload | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Any other call of the API, with the token and the errors of the rest; see `Client.request`.

        Args:
            method: The HTTP method.
            path: The path after the base URL, or a whole URL on the same server.
            params: Query parameters as a mapping or as pairs; percent-encoded, and left out where a value is `None`.
            headers: Headers beside those of the client; `Accept` is `application/json` unless set here.
            json: A body as plain data; `None` is no body.
            content: A body as bytes; set its `Content-Type` in `headers`. Without one it must be JSON.
            timeout: Seconds for the whole call.
        """
        data, fields = body(json, content, headers)
        return await self._caller.request(method, path, pairs("params", params), fields, data, timeout)

    async def aclose(self) -> None:
        """Closes the connections. Calls after it raise `RuntimeError`."""
        self._caller.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class AsyncDevices:
    """A listing that has not begun: `async for` over it, over its `pages()`, or await `collect()`. Each time it lists anew."""

    __module__ = "kpn_things"
    __slots__ = ("_arguments", "_caller", "_strict")

    def __init__(self, caller: AsyncCaller, arguments: tuple[Any, ...], strict: bool) -> None:
        self._caller = caller
        self._arguments = arguments
        self._strict = strict

    def __aiter__(self) -> AsyncListing[Device]:
        return AsyncListing(self._feed(), devices_of)

    def pages(self) -> AsyncListing[Page]:
        """The pages, in order."""
        return AsyncListing(self._feed(), itself)

    async def collect(self) -> Fleet:
        """All devices at once, and how many the service counted."""
        return await collect_async(self._feed())

    def verified(self, *, vouch_for_order: bool = False) -> AsyncVerifiedDevices:
        """The same devices, by a listing that proves it is complete.

        Every device that was there from the first request to the last response is in it. It reads pages that overlap, ordered
        by `uuid`, and links them by the devices that they share. That costs a few requests more. `sort_by` and `descending`
        cannot be combined with it: the listing raises `InputError` before anything is sent.

        `vouch_for_order` vouches that the service orders devices by `uuid`, where the devices do not show it. If it does not,
        a listing that is not complete can be taken for complete.
        """
        return AsyncVerifiedDevices(self._caller, (vouch_for_order, *self._arguments))

    def _feed(self) -> AsyncFeed[Page]:
        return self._caller.pages(self._strict, *self._arguments)


class AsyncVerifiedDevices:
    """A listing that proves it is complete, and has not begun: `async for` over it, over its `batches()`, or await
    `collect()`.

    Devices come in the order of their `uuid`. Each one follows those before it without a gap. Only the end of the listing
    without an error means that it is complete. If the proof fails, `IncompleteError` is raised.
    """

    __module__ = "kpn_things"
    __slots__ = ("_arguments", "_caller")

    def __init__(self, caller: AsyncCaller, arguments: tuple[Any, ...]) -> None:
        self._caller = caller
        self._arguments = arguments

    def __aiter__(self) -> AsyncListing[Device]:
        return AsyncListing(self._feed(), devices_of)

    def batches(self) -> AsyncListing[tuple[Device, ...]]:
        """The devices in batches, as they are proven."""
        return AsyncListing(self._feed(), itself)

    async def collect(self) -> Fleet:
        """All devices at once, with the `proof`. If it fails, the `IncompleteError` holds the `devices` that were listed."""
        return await collect_async(self._feed())

    def _feed(self) -> AsyncFeed[tuple[Device, ...]]:
        return self._caller.verified(*self._arguments)

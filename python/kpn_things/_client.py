"""The blocking client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, NoReturn

from . import _calls
from ._base import BaseClient
from ._calls import seconds
from ._listing import Listing, collect, devices_of, itself
from ._native import Caller, Device, Feed, Fleet, Page, Query, Receipt, Response
from ._options import Options, Pairs, Params, Payload, Records
from ._typing import Self


class Client(BaseClient):
    """A blocking client for KPN Things.

        client = Client(tenant_id="rjsfm52t", key_id="...", key_secret="...")
        client = Client.from_env()

    Threads may share it; after a fork the child makes connections of its own. It holds connections until it is closed:
    use `with`, or call `close`. Ctrl-C ends a call within 50 ms or so. A pickled client does not hold the secret: where it
    is unpickled, `KPN_THINGS_KEY_SECRET` has to be set.

    Args:
        options: See `kpn_things.Options`.

    Raises:
        ConfigError: Settings are missing or cannot be right; the message names all of them.
    """

    __module__ = "kpn_things"

    _caller: Caller
    _caller_type = Caller
    _options_type: ClassVar[Any] = Options

    def devices(
        self,
        *,
        search: str | None = None,
        sort_by: str | None = None,
        descending: bool | None = None,
        page_size: int | None = None,
        first_page: int = 0,
        window: int = 8,
        timeout: float | None = None,
        deadline: float | None = None,
        strict: bool = False,
    ) -> Devices:
        """All devices: iterate over it, or over its `pages()`, or `collect()` them. Nothing is requested before that.

        `client.devices().verified()` is a listing that proves it is complete.

        Args:
            search: Only devices that match this text: partial, and **case-sensitive**.
            sort_by: The field to order by. The default is `uuid`, because names repeat: the service may order equal names
                differently in each request, and then pages overlap and skip devices.
            descending: Whether in descending order; the service's default is ascending.
            page_size: Devices per page; the default is 100. The service may return smaller pages.
            first_page: The number of the page to begin with, from 0. It is meaningful only with the page size and the order
                of an earlier listing. It cannot be combined with `verified`.
            window: Pages in flight at a time, 1 to 64.
            timeout: Seconds for one page, with its token and its retries; the default is the client's.
            deadline: Seconds for all pages together, from the first request. By default there is no such limit.
            strict: Raise `ListingError` where pages do not fit together: a device that comes twice, a total that moves, fewer
                devices than the service counts. By default this is logged as a warning, and is in the `report`.
        """
        query = _calls.devices(
            search, sort_by, descending, page_size, first_page, window, timeout, deadline, strict
        )
        return Devices(self._caller, query)

    def send_downlink(
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
        call = _calls.downlink(dev_eui, payload, port, external_reference)
        return self._caller.call(call, seconds("timeout", timeout))

    def send_senml(
        self,
        records: Records,
        *,
        device: str | None = None,
        port: int | None = None,
        external_reference: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Sends SenML records of your own (RFC 8428), such as a named instruction; at most once, as `send_downlink`.

            client.send_senml([{"n": "setpoint", "v": 21.5}], device="0059AC0000181EB6")

        Args:
            records: The records. The first names its device in `bn`, unless `device` does.
            device: A DevEUI, or a URN such as `urn:dev:IMEI:490154203237518:`.
            port: The LoRa port, where your records need one.
            external_reference: Your own name for it.
            timeout: Seconds for the whole call.
        """
        call = _calls.senml(records, device, port, external_reference)
        return self._caller.call(call, seconds("timeout", timeout))

    def context_switch(self, customer_id: str, *, timeout: float | None = None) -> Any:
        """Switches to a sub-customer and gives the answer's body. `for_customer` does this by itself.

        Args:
            customer_id: The Customer ID of the sub-customer.
            timeout: Seconds for the whole call.
        """
        return self._caller.call(_calls.context_switch(customer_id), seconds("timeout", timeout))

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Pairs | None = None,
        json: Any = None,
        content: Payload | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Any other call of the API, with the token and the errors of the rest.

            client.request("GET", "/devices", params={"limit": 50, "sort": "createdAt,-name"}).json()

        GET, HEAD, OPTIONS, PUT and DELETE are repeated on failure; POST and PATCH only if proven unprocessed.

        Args:
            method: The HTTP method, in any case.
            path: The path after the base URL, or a whole URL on the same server.
            params: Query parameters as a mapping or as pairs. A list repeats its parameter; `None` omits it.
            headers: Headers beside those of the client; `Accept` is `application/json` unless set here.
            json: A body as plain data; `None` is no body.
            content: A body as bytes; set its `Content-Type` in `headers`. Without one it must be JSON.
            timeout: Seconds for the whole call.
        """
        call = _calls.request(method, path, params, headers, json, content)
        return self._caller.call(call, seconds("timeout", timeout))

    def close(self) -> None:
        """Closes the connections. Calls after it raise `RuntimeError`."""
        self._caller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Devices:
    """A listing that has not begun: iterate over it or over its `pages()`, or `collect()` it. Each of these lists anew."""

    __module__ = "kpn_things"
    __slots__ = ("_caller", "_query")

    def __init__(self, caller: Caller, query: Query[Page]) -> None:
        self._caller = caller
        self._query = query

    def __iter__(self) -> Listing[Device]:
        return Listing(self._feed(), devices_of)

    def pages(self) -> Listing[Page]:
        """Returns the pages, in order."""
        return Listing(self._feed(), itself)

    def collect(self) -> Fleet:
        """Returns all devices at once.

        Raises:
            KpnThingsError: A page could not be read.
            ListingError: The pages contradict each other.
        """
        return collect(self._feed())

    def verified(self, *, vouch_for_order: bool = False) -> VerifiedDevices:
        """Returns the same devices, by a listing that proves it is complete.

        Every device that was there from the first request to the last response is in it. It reads pages that overlap, ordered
        by `uuid`, and links them by the devices that they share. That costs a few requests more. `sort_by` and `descending`
        cannot be combined with it: the listing raises `InputError` before anything is sent.

        Args:
            vouch_for_order: Vouches that the service orders devices by `uuid`, where the devices do not show it. If it does
                not, a listing that is not complete can be taken for complete.
        """
        return VerifiedDevices(self._caller, self._query.verified(bool(vouch_for_order)))

    def __repr__(self) -> str:
        return "<Devices: not listed yet; iterate over it, or call collect()>"

    def __bool__(self) -> NoReturn:
        raise TypeError("a listing that has not begun is neither true nor false: call collect() and look at the result")

    def _feed(self) -> Feed[Page]:
        return self._caller.feed(self._query)


class VerifiedDevices:
    """A listing that proves it is complete, and has not begun: iterate over it or over its `batches()`, or `collect()` it.

    Devices come in the order of their `uuid`. Each one follows those before it without a gap. Only the end of the listing
    without an error means that it is complete. If the proof fails, `IncompleteError` is raised.
    """

    __module__ = "kpn_things"
    __slots__ = ("_caller", "_query")

    def __init__(self, caller: Caller, query: Query[tuple[Device, ...]]) -> None:
        self._caller = caller
        self._query = query

    def __iter__(self) -> Listing[Device]:
        return Listing(self._feed(), devices_of)

    def batches(self) -> Listing[tuple[Device, ...]]:
        """Returns the devices in batches, as they are proven."""
        return Listing(self._feed(), itself)

    def collect(self) -> Fleet:
        """Returns all devices at once, with the `proof`.

        Raises:
            IncompleteError: The proof failed. The error holds the `devices` that were listed.
            KpnThingsError: A page could not be read.
        """
        return collect(self._feed())

    def __repr__(self) -> str:
        return "<VerifiedDevices: not listed yet; iterate over it, or call collect()>"

    def __bool__(self) -> NoReturn:
        raise TypeError("a listing that has not begun is neither true nor false: call collect() and look at the result")

    def _feed(self) -> Feed[tuple[Device, ...]]:
        return self._caller.feed(self._query)


Mapping.register(Device)
Sequence.register(Fleet)

"""The client for asyncio."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from . import _calls
from ._base import BaseClient
from ._calls import seconds
from ._current import AsyncCurrent
from ._customers import AsyncForCustomers
from ._ledger import Ledger
from ._listing import AsyncListing, collect_async, devices_of, itself
from ._native import AsyncCaller, AsyncFeed, BulkItem, Call, Device, Fleet, Page, Query, Receipt, Response
from ._options import AsyncOptions, Pairs, Params, Payload, Records, Row
from ._run import AsyncDownlinkRun
from ._typing import Self, Unpack

if TYPE_CHECKING:
    from asyncio import Future

_T = TypeVar("_T")


class AsyncClient(BaseClient):
    """A client for KPN Things on asyncio, with the methods and options of `Client`.

        async with AsyncClient.from_env() as client:
            async for device in client.devices():
                print(device.name)

    Its calls are coroutines. Cancelling one ends its request. A downlink that is cancelled in flight may have arrived: if so, a
    warning is logged. After a fork, the child has separate connections. A client needs an event loop of asyncio: with trio,
    use trio-asyncio.

    Args:
        options: The options of `kpn_things.AsyncOptions`.

    Raises:
        ConfigError: A setting is missing or wrong. The message names all of them.
        TypeError: An option is unknown or of a wrong type.
    """

    __module__ = "kpn_things"

    _caller: AsyncCaller
    _caller_type = AsyncCaller
    _options_type: ClassVar[Any] = AsyncOptions

    if TYPE_CHECKING:

        def __init__(self, **options: Unpack[AsyncOptions]) -> None: ...
        @classmethod
        def from_env(cls, environ: Mapping[str, str] | None = None, **options: Unpack[AsyncOptions]) -> Self:
            """Creates a client from the `KPN_THINGS_*` variables; see `Client.from_env`."""

        @classmethod
        def from_postman_environment(cls, path: str | os.PathLike[str], **options: Unpack[AsyncOptions]) -> Self:
            """Creates a client from a Postman environment file; see `Client.from_postman_environment`."""

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
    ) -> AsyncDevices:
        """Returns a listing of all devices: use `async for` with it or with its `pages()`, or await `collect()`.

        Nothing is requested before that. `client.devices().verified()` is a listing that proves it is complete.

        Args:
            search: Return only devices that contain this text. It is **case-sensitive**.
            sort_by: The field to sort by. Default: `uuid`, because names are not unique. The service may sort equal names
                differently in each request, and then pages overlap and skip devices.
            descending: Whether to sort in descending order. Default: ascending.
            page_size: Devices per page. Default: 100. The service may return smaller pages.
            first_page: The number of the page to begin with, from 0. It is meaningful only with the page size and the order
                of an earlier listing. It cannot be combined with `verified`.
            window: Maximum number of pages in flight at a time, 1 to 64.
            timeout: Seconds for one page, including its token and its retries. Default: the timeout of the client.
            deadline: Seconds for all pages together, from the first request. Default: no limit.
            strict: Raise `ListingError` if the pages contradict each other: a device was listed twice, the total changed, or
                there are fewer devices than the service counts. By default, this is logged as a warning and is in the
                `report`.

        Raises:
            InputError: An argument is not valid. Nothing was sent.
        """
        query = _calls.devices(
            search, sort_by, descending, page_size, first_page, window, timeout, deadline, strict
        )
        return AsyncDevices(self._caller, query)

    def for_customers(self, customer_ids: Iterable[str]) -> AsyncForCustomers:
        """Returns a client acting for several sub-customers, with one access token and one window for all of them.

        The context switch to a customer is made before the first call for it.

        Args:
            customer_ids: The Customer IDs of the sub-customers, each once.

        Raises:
            InputError: A Customer ID is not valid, or is given twice.
        """
        return AsyncForCustomers(self._caller, customer_ids)

    def current(self) -> AsyncCurrent:
        """Returns the listings of KPN's current API, such as `client.current().devices(q="parking")`.

        They are inferred from the public part of KPN's documentation, and have never met the real service.
        """
        return AsyncCurrent(self._caller)

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

        It is retried only when the service provably did nothing.

        Args:
            dev_eui: The DevEUI: 16 hex digits in upper or lower case, without separators or in pairs separated by `-` or `:`.
            payload: 1 to 242 bytes. More than 51 bytes reach a device only at a good data rate.
            port: The LoRa port (FPort), 1 to 223.
            external_reference: Your reference, to find the downlink in the portal. Default: a generated one. `""` sends none.
            timeout: Seconds for the whole call, including its token and its retries. Default: the timeout of the client.

        Raises:
            DownlinkOutcomeUnknown: The downlink may have arrived. Check it in the portal before you send it again.
            InputError: An argument is not valid. Nothing was sent.
            KpnThingsError: The service did not accept the downlink, and provably did nothing.
            RuntimeError: The client is closed.
        """
        call = _calls.downlink(dev_eui, payload, port, external_reference)
        return await self._result(call, timeout)

    async def send_senml(
        self,
        records: Records,
        *,
        device: str | None = None,
        port: int | None = None,
        external_reference: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Sends SenML records (RFC 8428) to a device, such as a named instruction, at most once.

        It is retried only when the service provably did nothing.

        Args:
            records: The records. Without `device`, the first record must name the device in `bn`.
            device: A DevEUI, or a URN such as `urn:dev:IMEI:490154203237518:`.
            port: The LoRa port (FPort), if the records need one.
            external_reference: Your reference, to find the downlink in the portal. Default: a generated one. `""` sends none.
            timeout: Seconds for the whole call, including its token and its retries. Default: the timeout of the client.

        Raises:
            DownlinkOutcomeUnknown: The downlink may have arrived. Check it in the portal before you send it again.
            InputError: An argument is not valid. Nothing was sent.
            KpnThingsError: The service did not accept the downlink, and provably did nothing.
            RuntimeError: The client is closed.
        """
        call = _calls.senml(records, device, port, external_reference)
        return await self._result(call, timeout)

    def send_downlinks(
        self,
        rows: Iterable[Row | BulkItem],
        *,
        window: int = 16,
        ledger: str | os.PathLike[str] | Ledger | None = None,
        not_after: datetime | str | None = None,
        rate: int | None = None,
        per_device: int | None = None,
        spare: int = 0,
        max_tries: int = 16,
        patience: float | None = None,
        timeout: float | None = None,
        source: str | None = None,
    ) -> AsyncDownlinkRun:
        """Sends many downlinks, each at most once, and accounts for each of them. Use `async for` with the run it returns.

        All rows are checked first. If one is wrong, nothing is sent. A downlink that was not sent for a reason that passes,
        such as 429, is tried again. One that may have arrived is not.

        Args:
            rows: Mappings with these names, such as the rows of `csv.DictReader` or of a data frame; or items. The device is in
                `dev_eui` or `urn`. The content is in one of `payload` (bytes), `hex`, `base64`, `text` and `senml` (records or
                their JSON). A payload needs a `port`. `reference` is yours, and a generated one if it is absent. `not_after`
                is a `datetime` with a time zone or a text (RFC 3339), and `customer` the Customer ID of a sub-customer. `None`
                and the empty cells of a data frame count as absent.
            window: Maximum number of downlinks in flight, 1 to 256. After a crash, at most this many are unknown.
            ledger: Where the run is recorded as a job: the path of a SQLite file, the URL of a PostgreSQL database, or a
                `Ledger`. Sending the same rows twice creates two jobs. Default: memory. Nothing is known then after the
                process has ended.
            not_after: The time from which on no downlink is sent, for rows without their own.
            rate: Maximum number of downlinks per second.
            per_device: Maximum number of downlinks to one device in 24 hours, over all jobs of the ledger. Others wait.
            spare: Downlinks that are recorded ahead, so that none waits for the ledger. After a crash, as many more can be
                unknown.
            max_tries: How often a downlink is tried as long as nothing was sent.
            patience: Seconds to wait for a service that accepts nothing. Default: 300.
            timeout: Seconds for one downlink, including its token and its retries. Default: the timeout of the client.
            source: Where the rows come from, for lists of jobs. Default: `Python`.

        Raises:
            InputError: Rows are not valid: the exception has all of them in `rows`. Or an argument is not valid. Nothing was
                sent.
            KpnThingsError: The run cannot go on, for example because the token is refused. The iteration raises it, after
                everything that has ended.
            LedgerError: The ledger cannot be used. The iteration raises it.
            RuntimeError: The client is closed.
        """
        options = _calls.run_options(window, spare, rate, per_device, max_tries, patience, timeout)
        return AsyncDownlinkRun(self._caller, _calls.bulk(rows, ledger, not_after, source, options))

    def resume_downlinks(
        self,
        job: str,
        ledger: str | os.PathLike[str] | Ledger,
        *,
        window: int = 16,
        again: bool = False,
        join: bool = False,
        rate: int | None = None,
        per_device: int | None = None,
        spare: int = 0,
        max_tries: int = 16,
        patience: float | None = None,
        timeout: float | None = None,
    ) -> AsyncDownlinkRun:
        """Sends the downlinks that a job has left: those that were not tried, or not sent for a reason that passes.

        One that may have arrived is not sent, unless you have found out that it did not: see `Ledger.resolve`.

        This call opens the ledger and blocks the event loop meanwhile. If a connection to PostgreSQL may take long, call it
        with `asyncio.to_thread`.

        Args:
            job: The id of the job.
            ledger: The path or the URL of the ledger that the job is in.
            window: Maximum number of downlinks in flight, 1 to 256. After a crash, at most this many are unknown.
            again: Also send those that the service refused.
            join: Share the run that another worker has begun, on PostgreSQL: each downlink is sent by one of them. On SQLite,
                one run at a time can use the ledger.
            rate: Maximum number of downlinks per second.
            per_device: Maximum number of downlinks to one device in 24 hours, over all jobs of the ledger. Others wait.
            spare: Downlinks that are recorded ahead, so that none waits for the ledger. After a crash, as many more can be
                unknown.
            max_tries: How often a downlink is tried as long as nothing was sent.
            patience: Seconds to wait for a service that accepts nothing. Default: 300.
            timeout: Seconds for one downlink, including its token and its retries. Default: the timeout of the client.

        Raises:
            InputError: An argument is not valid. Nothing was sent.
            KpnThingsError: The run cannot go on. The iteration raises it, after everything that has ended.
            LedgerError: There is no such job, it belongs to another account, or the ledger cannot be used.
            RuntimeError: The client is closed.
        """
        options = _calls.run_options(window, spare, rate, per_device, max_tries, patience, timeout)
        return AsyncDownlinkRun(self._caller, _calls.rest_of(job, ledger, again, join, options))

    async def context_switch(self, customer_id: str, *, timeout: float | None = None) -> Any:
        """Switches to a sub-customer, and returns the body of the response. `for_customer` does this automatically.

        Args:
            customer_id: The Customer ID of the sub-customer.
            timeout: Seconds for the whole call, including its token and its retries. Default: the timeout of the client.

        Raises:
            InputError: An argument is not valid. Nothing was sent.
            ForbiddenError: Your account has no access to this sub-customer.
            KpnThingsError: The call failed for another reason.
            RuntimeError: The client is closed.
        """
        return await self._result(_calls.context_switch(customer_id), timeout)

    async def request(
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
        """Makes any other call of the API, with the same token, retries and exceptions.

        GET, HEAD, OPTIONS, PUT and DELETE are retried. Other methods are retried only when the service provably did nothing.

        Args:
            method: The HTTP method, in upper or lower case.
            path: The path after the base URL, or a complete URL on the same server.
            params: Query parameters as a mapping or as pairs. A list repeats its parameter. `None` omits it.
            headers: Headers in addition to those of the client. Default for `Accept`: what KPN documents for the path, or
                `application/json`.
            json: The body as plain data. `None` sends no body.
            content: The body as bytes. Set its `Content-Type` in `headers`, unless it is JSON.
            timeout: Seconds for the whole call, including its token and its retries. Default: the timeout of the client.

        Raises:
            ApiError: The service refused the request.
            DownlinkOutcomeUnknown: The request may have taken effect, and its method must not be retried, such as POST.
            InputError: An argument is not valid. Nothing was sent.
            KpnThingsError: The call failed for another reason.
            RuntimeError: The client is closed.
            TypeError: Both `json` and `content` are passed, or `json` cannot be written as JSON.
        """
        call = _calls.request(method, path, params, headers, json, content)
        return await self._result(call, timeout)

    async def _result(self, call: Call[_T], timeout: float | None) -> _T:
        future = self._caller.call(call, seconds("timeout", timeout))
        try:
            return await future
        except BaseException:
            if not future.done():
                _drop(future)
            elif not future.cancelled() and future.exception() is None:
                # A task that is cancelled in the same turn of the event loop as the result comes does not get the result.
                call.missed(future.result())
            raise

    async def aclose(self) -> None:
        """Closes the connections. Later calls raise `RuntimeError`."""
        self._caller.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _drop(future: Future[Any]) -> None:
    """Ends the call of a coroutine that was closed."""
    try:
        future.cancel()
    except RuntimeError:
        # The event loop is closed too, so nothing can end the request.
        pass


class AsyncDevices:
    """A listing that has not begun: use `async for` with it or its `pages()`, or await `collect()`. Each of these lists again.

    The iteration raises the exceptions of `collect`.
    """

    __module__ = "kpn_things"
    __slots__ = ("_caller", "_query")

    def __init__(self, caller: AsyncCaller, query: Query[Page]) -> None:
        self._caller = caller
        self._query = query

    def __aiter__(self) -> AsyncListing[Device]:
        return AsyncListing(self._feed(), devices_of)

    def pages(self) -> AsyncListing[Page]:
        """Returns the pages, in order.

        Raises:
            InputError: An argument of `devices` is not valid. Nothing was sent.
            KpnThingsError: A page could not be read. The iteration raises it.
            ListingError: The pages contradict each other. The iteration raises it.
            RuntimeError: The client is closed.
        """
        return AsyncListing(self._feed(), itself)

    async def collect(self) -> Fleet:
        """Returns all devices at once.

        Raises:
            InputError: An argument of `devices` is not valid. Nothing was sent.
            KpnThingsError: A page could not be read.
            ListingError: The pages contradict each other.
            RuntimeError: The client is closed.
        """
        return await collect_async(self._feed())

    def verified(self, *, vouch_for_order: bool = False) -> AsyncVerifiedDevices:
        """Returns the same devices, by a listing that proves it is complete.

        It contains every device that exists from the first request to the last response. It requests pages that overlap,
        sorted by `uuid`, and checks that they share devices. This takes a few more requests. It cannot be combined with
        `sort_by`, `descending` or `first_page`: the listing then raises `InputError` before anything is sent.

        Args:
            vouch_for_order: Assume that the service sorts by `uuid`, even if the devices do not show it. If the service does
                not, an incomplete listing can seem complete.
        """
        return AsyncVerifiedDevices(self._caller, self._query.verified(bool(vouch_for_order)))

    def __repr__(self) -> str:
        return "<AsyncDevices: not listed yet; use `async for`, or await collect()>"

    def __bool__(self) -> NoReturn:
        raise TypeError("a listing that has not begun is neither true nor false: await collect() and look at the result")

    def _feed(self) -> AsyncFeed[Page]:
        return self._caller.feed(self._query)


class AsyncVerifiedDevices:
    """A listing that proves it is complete, and has not begun: use `async for` with it or its `batches()`, or await
    `collect()`.

    Devices are sorted by `uuid`, and no device is missing between two of them. The listing is complete only if it ends
    without an error. If the proof fails, it raises `IncompleteError`.
    """

    __module__ = "kpn_things"
    __slots__ = ("_caller", "_query")

    def __init__(self, caller: AsyncCaller, query: Query[tuple[Device, ...]]) -> None:
        self._caller = caller
        self._query = query

    def __aiter__(self) -> AsyncListing[Device]:
        return AsyncListing(self._feed(), devices_of)

    def batches(self) -> AsyncListing[tuple[Device, ...]]:
        """Returns the devices in batches, as they are proven.

        Raises:
            IncompleteError: The proof failed. The iteration raises it.
            InputError: An argument of `devices` is not valid. Nothing was sent.
            KpnThingsError: A page could not be read. The iteration raises it.
            RuntimeError: The client is closed.
        """
        return AsyncListing(self._feed(), itself)

    async def collect(self) -> Fleet:
        """Returns all devices at once, with the `proof`.

        Raises:
            IncompleteError: The proof failed. The exception has the `devices` that were listed.
            InputError: An argument of `devices` is not valid. Nothing was sent.
            KpnThingsError: A page could not be read.
            RuntimeError: The client is closed.
        """
        return await collect_async(self._feed())

    def __repr__(self) -> str:
        return "<AsyncVerifiedDevices: not listed yet; use `async for`, or await collect()>"

    def __bool__(self) -> NoReturn:
        raise TypeError("a listing that has not begun is neither true nor false: await collect() and look at the result")

    def _feed(self) -> AsyncFeed[tuple[Device, ...]]:
        return self._caller.feed(self._query)

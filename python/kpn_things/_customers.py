"""The listings of several sub-customers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

from . import _calls
from ._listing import AsyncListing, Listing
from ._native import AsyncCaller, AsyncFeed, Caller, Customers, Feed, Fleet, Query
from ._typing import Self, TypeAlias
from .errors import KpnThingsError

Item: TypeAlias = tuple[str, Fleet | None, KpnThingsError | None]


class CustomerFleet(NamedTuple):
    """The devices of one sub-customer, or the error that ended its listing."""

    customer: str
    """The Customer ID."""

    devices: Fleet | None
    """The devices. `None` if the listing failed."""

    error: KpnThingsError | None
    """The exception of the listing, such as a `ForbiddenError`. `None` if it succeeded."""


class CustomerListing:
    """The fleets of several sub-customers, one at a time, in the order of their ids."""

    __module__ = "kpn_things"
    __slots__ = ("_listing",)

    def __init__(self, feed: Feed[Item]) -> None:
        self._listing = Listing(feed, _fleet)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> CustomerFleet:
        return next(self._listing)

    def close(self) -> None:
        """Ends the listing. No more pages are requested."""
        self._listing.close()


class AsyncCustomerListing:
    """The fleets of several sub-customers, one at a time, in the order of their ids."""

    __module__ = "kpn_things"
    __slots__ = ("_listing",)

    def __init__(self, feed: AsyncFeed[Item]) -> None:
        self._listing = AsyncListing(feed, _fleet)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CustomerFleet:
        return await anext(self._listing)

    async def aclose(self) -> None:
        """Ends the listing. No more pages are requested."""
        await self._listing.aclose()


class _ForCustomers:
    """The shared base of both kinds of clients."""

    __slots__ = ("_caller", "_customers", "_ids")

    def __init__(self, caller: Any, customer_ids: Iterable[str]) -> None:
        self._ids = tuple(_calls.customer_ids(customer_ids))
        self._customers = Customers(list(self._ids))
        self._caller = caller

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._ids)} customers>"


class ForCustomers(_ForCustomers):
    """A client that acts for several sub-customers. `Client.for_customers` creates it."""

    __module__ = "kpn_things"
    __slots__ = ()

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
    ) -> CustomerDevices:
        """Returns the listings of all customers: iterate over it. Nothing is requested before that.

            for customer, devices, error in client.for_customers(ids).devices():
                print(customer, error if devices is None else len(devices))

        The customers come in the order of their ids. The error of one customer, such as a 403, is in its `error`, and the
        others go on. `verified()` proves that each listing is complete.

        Args:
            search: Return only devices that contain this text. It is **case-sensitive**.
            sort_by: The field to sort by. Default: `uuid`.
            descending: Whether to sort in descending order. Default: ascending.
            page_size: Devices per page. Default: 100. The service may return smaller pages.
            window: Maximum number of pages in flight at a time for all customers together, 1 to 64.
            timeout: Seconds for one page, including its token and its retries. Default: the timeout of the client.
            deadline: Seconds for all customers together, from the first request. Default: no limit.
            strict: Fail the listing of a customer with `ListingError` if its pages contradict each other.

        Raises:
            InputError: An argument is not valid. Nothing was sent.
        """
        query = _calls.devices(search, sort_by, descending, page_size, 0, window, timeout, deadline, strict)
        return CustomerDevices(self._caller, query, self._customers)


class AsyncForCustomers(_ForCustomers):
    """A client that acts for several sub-customers. `AsyncClient.for_customers` creates it."""

    __module__ = "kpn_things"
    __slots__ = ()

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
    ) -> AsyncCustomerDevices:
        """Returns the listings of all customers: use `async for` with it. Nothing is requested before that.

            async for fleet in client.for_customers(ids).devices():
                if fleet.devices is not None:
                    print(fleet.customer, len(fleet.devices))
                else:
                    print(fleet.customer, fleet.error)

        The customers come in the order of their ids. The error of one customer, such as a 403, is in its `error`, and the
        others go on. `verified()` proves that each listing is complete.

        Args:
            search: Return only devices that contain this text. It is **case-sensitive**.
            sort_by: The field to sort by. Default: `uuid`.
            descending: Whether to sort in descending order. Default: ascending.
            page_size: Devices per page. Default: 100. The service may return smaller pages.
            window: Maximum number of pages in flight at a time for all customers together, 1 to 64.
            timeout: Seconds for one page, including its token and its retries. Default: the timeout of the client.
            deadline: Seconds for all customers together, from the first request. Default: no limit.
            strict: Fail the listing of a customer with `ListingError` if its pages contradict each other.

        Raises:
            InputError: An argument is not valid. Nothing was sent.
        """
        query = _calls.devices(search, sort_by, descending, page_size, 0, window, timeout, deadline, strict)
        return AsyncCustomerDevices(self._caller, query, self._customers)


class _CustomerDevices:
    """The shared base of both kinds of listings."""

    __slots__ = ("_caller", "_customers", "_query")

    def __init__(self, caller: Any, query: Query[Any], customers: Customers) -> None:
        self._caller = caller
        self._query = query
        self._customers = customers

    def verified(self, *, vouch_for_order: bool = False) -> Self:
        """Returns the same listings, each with the proof that it is complete.

        The listing of a customer that cannot be proven complete fails with an `IncompleteError`, which has the `devices` that
        were listed. It cannot be combined with `sort_by` or `descending`: the iteration then raises `InputError`.

        Args:
            vouch_for_order: Assume that the service sorts by `uuid`, even if the devices do not show it. If the service does
                not, an incomplete listing can seem complete.
        """
        return type(self)(self._caller, self._query.verified(bool(vouch_for_order)), self._customers)

    def __bool__(self) -> NoReturn:
        raise TypeError("a listing that has not begun is neither true nor false: iterate over it")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: not listed yet; iterate over it>"


class CustomerDevices(_CustomerDevices):
    """Listings that have not begun: iterate over it, once per customer. Each iteration lists again.

    The iteration raises `AuthError` if GRIP refused the token, and `InputError` if an argument is not valid. All other
    errors are those of one customer.
    """

    __module__ = "kpn_things"
    __slots__ = ()

    _caller: Caller

    def __iter__(self) -> CustomerListing:
        return CustomerListing(self._caller.feed(self._query.of_customers(self._customers)))


class AsyncCustomerDevices(_CustomerDevices):
    """Listings that have not begun: use `async for` with it, once per customer. Each iteration lists again.

    The iteration raises `AuthError` if GRIP refused the token, and `InputError` if an argument is not valid. All other
    errors are those of one customer.
    """

    __module__ = "kpn_things"
    __slots__ = ()

    _caller: AsyncCaller

    def __aiter__(self) -> AsyncCustomerListing:
        return AsyncCustomerListing(self._caller.feed(self._query.of_customers(self._customers)))


def _fleet(item: Item) -> tuple[CustomerFleet]:
    return (CustomerFleet(*item),)

"""Iterators over a listing, and functions that collect one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Generic, TypeVar

from ._native import AsyncFeed, Device, Feed, Fleet, ListingReport, Page, Proof
from ._typing import Self
from .errors import IncompleteError, KpnThingsError

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class _Reader(Generic[_T_co]):
    """The shared base of both kinds of iterators."""

    __slots__ = ("_feed", "_known", "_of", "_ready")

    def __init__(self, feed: Any, of: Callable[[Any], Iterable[_T_co]]) -> None:
        self._feed = self._known = feed
        self._of = of
        self._ready: Iterable[_T_co] = iter(())

    @property
    def report(self) -> ListingReport:
        """The report on the completeness of the listing, for the pages read so far."""
        return self._known.report  # type: ignore[no-any-return]

    @property
    def proof(self) -> Proof | None:
        """The proof that the listing is complete. `None` before its end, and for a listing without `verified`."""
        return self._known.proof  # type: ignore[no-any-return]

    def _end(self) -> None:
        self._ready = iter(())
        if self._feed is not None:
            self._known, self._feed = Known(self._feed), None


class Listing(_Reader[_T_co]):
    """The devices of a listing, its pages or its batches, one at a time.

    A listing that was interrupted in the middle raises `RuntimeError` from then on, so that it does not look complete.
    """

    __module__ = "kpn_things"
    __slots__ = ()

    def __init__(self, feed: Feed[_T], of: Callable[[_T], Iterable[_T_co]]) -> None:
        super().__init__(feed, of)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _T_co:
        while True:
            for item in self._ready:
                return item
            self._ready = iter(self._of(self._next()))

    def close(self) -> None:
        """Ends the listing. No more pages are requested. A thread that reads it gets no more devices."""
        self._end()

    def _next(self) -> Any:
        feed = self._feed
        if feed is None:
            raise StopIteration
        try:
            item = next(feed)
        except (StopIteration, KpnThingsError):
            self._end()
            raise
        if self._feed is None:
            # Another thread closed it meanwhile.
            raise StopIteration
        return item


class AsyncListing(_Reader[_T_co]):
    """The devices of a listing, its pages or its batches, one at a time.

    A listing that was cancelled in the middle raises `RuntimeError` from then on, so that it does not look complete.
    """

    __module__ = "kpn_things"
    __slots__ = ("_cut",)

    def __init__(self, feed: AsyncFeed[_T], of: Callable[[_T], Iterable[_T_co]]) -> None:
        super().__init__(feed, of)
        self._cut = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T_co:
        while True:
            for item in self._ready:
                return item
            batch = await self._next_batch()
            if batch is None:
                raise StopAsyncIteration
            self._ready = chain.from_iterable(map(self._of, batch))

    async def aclose(self) -> None:
        """Ends the listing. No more pages are requested. A task that reads it gets no more devices."""
        self._end()

    async def _next_batch(self) -> list[Any] | None:
        if self._cut:
            raise RuntimeError("the listing is read by another task, or was cancelled: list again")
        feed = self._feed
        if feed is None:
            return None
        self._cut = True
        try:
            batch: list[Any] | None = await feed.next_batch()
        except KpnThingsError:
            self._cut = False
            self._end()
            raise
        self._cut = False
        if self._feed is None:
            # Another task closed it meanwhile.
            return None
        if batch is None:
            self._end()
        return batch


class Known:
    """The report and the proof of a listing that has ended. Its feed can then be dropped, which ends threads and tasks."""

    __slots__ = ("proof", "report")

    def __init__(self, feed: Feed[Any] | AsyncFeed[Any]) -> None:
        self.report: ListingReport = feed.report
        self.proof: Proof | None = feed.proof


def devices_of(item: Page | tuple[Device, ...]) -> tuple[Device, ...]:
    """The devices of a page or of a batch."""
    return item if isinstance(item, tuple) else item.devices


def itself(item: _T) -> tuple[_T]:
    """The page or the batch, as the only item."""
    return (item,)


def collect(feed: Feed[Page] | Feed[tuple[Device, ...]]) -> Fleet:
    """All devices at once. If the proof fails, the error holds the devices that were listed."""
    found: list[Device] = []
    try:
        for item in feed:
            found.extend(devices_of(item))
    except IncompleteError as error:
        error.devices = tuple(found)
        raise
    return feed.fleet(found)


async def collect_async(feed: AsyncFeed[Page] | AsyncFeed[tuple[Device, ...]]) -> Fleet:
    """All devices at once. If the proof fails, the error holds the devices that were listed."""
    found: list[Device] = []
    try:
        while (batch := await feed.next_batch()) is not None:
            for item in batch:
                found.extend(devices_of(item))
    except IncompleteError as error:
        error.devices = tuple(found)
        raise
    return feed.fleet(found)

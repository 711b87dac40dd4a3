from collections.abc import Callable, Iterable
from types import GenericAlias
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from ._native import AsyncFeed, Device, Feed, Fleet, ListingReport, Page, Proof

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

class Listing(Generic[_T_co]):
    """The devices of a listing, its pages or its batches, one after the other.

    A listing that was interrupted in the middle raises `RuntimeError` from then on, so that it does not look complete.
    """

    def __init__(self, feed: Feed[_T], of: Callable[[_T], Iterable[_T_co]]) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> _T_co: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    @property
    def report(self) -> ListingReport:
        """What the listing noticed about its own completeness, in the pages read so far."""

    @property
    def proof(self) -> Proof | None:
        """The proof that the listing is complete. `None` before its end, and for a listing without `verified`."""

    def close(self) -> None:
        """Ends the listing. No more pages are requested."""

class AsyncListing(Generic[_T_co]):
    """The devices of a listing, its pages or its batches, one after the other.

    A listing that was cancelled in the middle raises `RuntimeError` from then on, so that it does not look complete.
    """

    def __init__(self, feed: AsyncFeed[_T], of: Callable[[_T], Iterable[_T_co]]) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> _T_co: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    @property
    def report(self) -> ListingReport:
        """What the listing noticed about its own completeness, in the pages read so far."""

    @property
    def proof(self) -> Proof | None:
        """The proof that the listing is complete. `None` before its end, and for a listing without `verified`."""

    async def aclose(self) -> None:
        """Ends the listing. No more pages are requested."""

class Known:
    """What was known of a listing when it ended. Its feed can be dropped, which ends threads and tasks."""

    report: ListingReport
    proof: Proof | None

    def __init__(self, feed: Feed[Any] | AsyncFeed[Any]) -> None: ...

def devices_of(item: Page | tuple[Device, ...]) -> tuple[Device, ...]:
    """The devices of a page or of a batch."""

def itself(item: _T) -> tuple[_T]:
    """The page or the batch, as the only item."""

def collect(feed: Feed[Page] | Feed[tuple[Device, ...]]) -> Fleet:
    """All devices at once. If the proof fails, the error holds the devices that were listed."""

async def collect_async(feed: AsyncFeed[Page] | AsyncFeed[tuple[Device, ...]]) -> Fleet:
    """All devices at once. If the proof fails, the error holds the devices that were listed."""

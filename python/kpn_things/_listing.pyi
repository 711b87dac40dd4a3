from collections.abc import Callable, Iterable
from types import GenericAlias
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from ._native import AsyncFeed, Device, Feed, Fleet, ListingReport, Page, Proof

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

class Listing(Generic[_T_co]):
    """The devices of a listing, its pages or its batches, one after the other.

    One that was interrupted in the middle is cut off: it raises `RuntimeError` from then on, and does not look as if it had
    come to its end.
    """

    def __init__(self, feed: Feed[_T], of: Callable[[_T], Iterable[_T_co]]) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> _T_co: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    @property
    def report(self) -> ListingReport:
        """What the listing noticed of its own completeness, in the pages read so far."""

    @property
    def proof(self) -> Proof | None:
        """The proof that the listing is complete, at the end of one by `verified`; otherwise `None`."""

    def close(self) -> None:
        """Ends it, and the fetching of its pages."""

class AsyncListing(Generic[_T_co]):
    """The devices of a listing, its pages or its batches, one after the other.

    One that was cancelled in the middle is cut off: it raises `RuntimeError` from then on, where a generator would look as
    if it had come to its end.
    """

    def __init__(self, feed: AsyncFeed[_T], of: Callable[[_T], Iterable[_T_co]]) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> _T_co: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    @property
    def report(self) -> ListingReport:
        """What the listing noticed of its own completeness, in the pages read so far."""

    @property
    def proof(self) -> Proof | None:
        """The proof that the listing is complete, at the end of one by `verified`; otherwise `None`."""

    async def aclose(self) -> None:
        """Ends it, and the fetching of its pages."""

class Known:
    """What was known of a listing when it ended. To let go of the feed ends its threads, tasks and connections."""

    report: ListingReport
    proof: Proof | None

    def __init__(self, feed: Feed[Any] | AsyncFeed[Any]) -> None: ...

def devices_of(item: Page | tuple[Device, ...]) -> tuple[Device, ...]:
    """The devices of a page, or of a batch, which is nothing else."""

def itself(item: _T) -> tuple[_T]:
    """A page or a batch, as one item."""

def collect(feed: Feed[Page] | Feed[tuple[Device, ...]]) -> Fleet:
    """All devices at once. What cannot be proven complete is in the error."""

async def collect_async(feed: AsyncFeed[Page] | AsyncFeed[tuple[Device, ...]]) -> Fleet:
    """All devices at once. What cannot be proven complete is in the error."""

"""Iterators over a listing, and functions that collect one."""

from itertools import chain

from .errors import IncompleteError, KpnThingsError


class Listing:
    """The devices of a listing, its pages or its batches, one after the other.

    A listing that was interrupted in the middle raises `RuntimeError` from then on, so that it does not look complete.
    """

    __module__ = "kpn_things"
    __slots__ = ("_feed", "_known", "_of", "_ready")
    # It is generic by its stub alone: to import `typing` takes longer than all of ours.
    __class_getitem__ = classmethod(type(list[int]))

    def __init__(self, feed, of):
        self._feed = self._known = feed
        self._of = of
        self._ready = iter(())

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            for item in self._ready:
                return item
            self._ready = iter(self._of(self._next()))

    @property
    def report(self):
        """What the listing noticed about its own completeness, in the pages read so far."""
        return self._known.report

    @property
    def proof(self):
        """The proof that the listing is complete. `None` before its end, and for a listing without `verified`."""
        return self._known.proof

    def close(self):
        """Ends the listing. No more pages are requested."""
        self._end()
        self._ready = iter(())

    def _next(self):
        if self._feed is None:
            raise StopIteration
        try:
            return next(self._feed)
        except (StopIteration, KpnThingsError):
            self._end()
            raise

    def _end(self):
        if self._feed is not None:
            self._known, self._feed = Known(self._feed), None


class AsyncListing:
    """The devices of a listing, its pages or its batches, one after the other.

    A listing that was cancelled in the middle raises `RuntimeError` from then on, so that it does not look complete.
    """

    __module__ = "kpn_things"
    __slots__ = ("_cut", "_feed", "_known", "_of", "_ready")
    __class_getitem__ = classmethod(type(list[int]))

    def __init__(self, feed, of):
        self._feed = self._known = feed
        self._of = of
        self._ready = iter(())
        self._cut = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            for item in self._ready:
                return item
            batch = await self._next_batch()
            if batch is None:
                raise StopAsyncIteration
            self._ready = chain.from_iterable(map(self._of, batch))

    @property
    def report(self):
        """What the listing noticed about its own completeness, in the pages read so far."""
        return self._known.report

    @property
    def proof(self):
        """The proof that the listing is complete. `None` before its end, and for a listing without `verified`."""
        return self._known.proof

    async def aclose(self):
        """Ends the listing. No more pages are requested."""
        self._end()
        self._ready = iter(())

    async def _next_batch(self):
        if self._cut:
            raise RuntimeError("the listing is read by another task, or was cancelled: list again")
        if self._feed is None:
            return None
        self._cut = True
        try:
            batch = await self._feed.next_batch()
        except KpnThingsError:
            self._cut = False
            self._end()
            raise
        self._cut = False
        if batch is None:
            self._end()
        return batch

    def _end(self):
        if self._feed is not None:
            self._known, self._feed = Known(self._feed), None


class Known:
    """What was known of a listing when it ended. Its feed can be dropped, which ends threads and tasks."""

    __slots__ = ("proof", "report")

    def __init__(self, feed):
        self.report = feed.report
        self.proof = feed.proof


def devices_of(item):
    """The devices of a page or of a batch."""
    return item if isinstance(item, tuple) else item.devices


def itself(item):
    """The page or the batch, as the only item."""
    return (item,)


def collect(feed):
    """All devices at once. If the proof fails, the error holds the devices that were listed."""
    found = []
    try:
        for item in feed:
            found.extend(devices_of(item))
    except IncompleteError as error:
        error.devices = tuple(found)
        raise
    return feed.fleet(found)


async def collect_async(feed):
    """All devices at once. If the proof fails, the error holds the devices that were listed."""
    found = []
    try:
        while (batch := await feed.next_batch()) is not None:
            found.extend(chain.from_iterable(map(devices_of, batch)))
    except IncompleteError as error:
        error.devices = tuple(found)
        raise
    return feed.fleet(found)

"""What a listing of the client for asyncio gives, one by one."""

from .errors import KpnThingsError


class AsyncListing:
    """The pages of a listing, or its devices, one after the other.

    One that was cancelled in the middle is cut off: it raises `RuntimeError` from then on, where a generator would look as
    if it had come to its end.
    """

    __module__ = "kpn_things"
    __slots__ = ("_cut", "_of", "_pages", "_ready")
    # It is generic by its stub alone: to import `typing` takes longer than all of ours.
    __class_getitem__ = classmethod(type(list[int]))

    def __init__(self, pages, of):
        self._pages = pages
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
            self._ready = iter(self._of(batch))

    async def aclose(self):
        """Ends it, and the fetching of its pages."""
        self._pages, self._ready = None, iter(())

    async def _next_batch(self):
        if self._cut:
            raise RuntimeError("the listing is read by another task, or was cancelled: list again")
        if self._pages is None:
            return None
        self._cut = True
        try:
            batch = await self._pages.next_batch()
        except KpnThingsError:
            self._cut, self._pages = False, None
            raise
        self._cut = False
        if batch is None:
            self._pages = None
        return batch

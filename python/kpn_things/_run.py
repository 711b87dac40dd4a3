"""Runs: many downlinks, each sent at most once and accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple

from ._fields import Fields
from ._native import AsyncCaller, AsyncRun, Bulk, BulkItem, Caller, Receipt, Run
from ._typing import Self
from .errors import KpnThingsError


class Sent(Fields):
    """A downlink of a run that has ended."""

    __module__ = "kpn_things"
    __slots__ = ("error", "index", "item", "outcome", "receipt", "recorded", "tries")
    __match_args__: Final = ("item", "index", "outcome", "receipt", "error", "tries", "recorded")

    item: BulkItem
    """The downlink."""

    index: int
    """The place of its row in the input, from 0."""

    outcome: Literal["accepted", "not_sent", "unknown"]
    """`accepted` by the service; `not_sent`: the service provably did not act on it; or `unknown`: it may have arrived."""

    receipt: Receipt | None
    """The receipt of the service, if it was accepted."""

    error: KpnThingsError | None
    """Why it was not accepted."""

    tries: int
    """How often it was tried in this run. 0 if it ended before it could be sent."""

    recorded: bool
    """Whether the ledger has recorded the outcome. If not, the next run finds it `unknown`."""

    def __init__(
        self,
        item: BulkItem,
        index: int,
        outcome: Literal["accepted", "not_sent", "unknown"],
        receipt: Receipt | None = None,
        error: KpnThingsError | None = None,
        tries: int = 1,
        recorded: bool = True,
    ) -> None:
        self.item = item
        self.index = index
        self.outcome = outcome
        self.receipt = receipt
        self.error = error
        self.tries = tries
        self.recorded = recorded

    def to_dict(self) -> dict[str, Any]:
        """A flat row for a data frame or a CSV file: what was sent to whom, its outcome, and the reason."""
        error = self.error
        return {
            "index": self.index,
            "urn": self.item.urn,
            "port": self.item.port,
            "reference": self.item.reference,
            "customer": self.item.customer,
            "outcome": self.outcome,
            "status": self.receipt.status if self.receipt else error.status if error else None,
            "tries": self.tries,
            "error": str(error) if error else None,
        }


class Progress(NamedTuple):
    """The numbers of a run so far. Items that an earlier run has ended are not in them."""

    accepted: int
    """Accepted by the service."""

    not_sent: int
    """Provably not sent."""

    unknown: int
    """May have arrived."""

    in_flight: int
    """In flight when the last items were fetched."""

    retried: int
    """How often an item was not sent, and was put back to be tried again."""

    is_held: bool
    """Whether the run waits, because the service accepts nothing."""


class _Run:
    """The shared base of both kinds of runs."""

    __slots__ = ("_run", "_size", "job")

    _run: Any

    job: str | None
    """The id of the job in the ledger. `None` without a ledger."""

    def __init__(self, caller: Caller | AsyncCaller, bulk: Bulk) -> None:
        self._run = caller.send(bulk)
        self._size = bulk.size
        self.job = bulk.job

    def __len__(self) -> int:
        """The number of downlinks of the run, from its start to its end. `tqdm` shows progress by it."""
        return self._size

    @property
    def progress(self) -> Progress:
        """The numbers so far."""
        return Progress._make(self._run.progress)

    def __repr__(self) -> str:
        job = f", job={self.job!r}" if self.job else ""
        return f"<{type(self).__name__}: {self._size} downlinks{job}>"

    def __bool__(self) -> bool:
        return True


class DownlinkRun(_Run):
    """A run of many downlinks: iterate over it once. Nothing is sent before that.

    It yields each downlink as it ends. Downlinks are sent while the loop asks for the next one, at most `window` ahead. A
    run that cannot go on yields everything that has ended, and then raises.

    Leave the loop at any time: nothing more is sent, the ledger records what is known, and what is in flight is unknown. To
    learn its outcome, call `stop()` and read on. After Ctrl-C, read on to get what is known of the rest.
    """

    __module__ = "kpn_things"
    __slots__ = ("_closed",)

    _run: Run

    def __init__(self, caller: Caller, bulk: Bulk) -> None:
        self._closed = True  # `__del__` runs even if the next line raises
        super().__init__(caller, bulk)
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Sent:
        if self._closed:
            raise StopIteration
        sent = next(self._run)
        if self._closed:
            # Another thread closed it meanwhile.
            raise StopIteration
        return sent

    def stop(self) -> None:
        """Starts no more downlinks. The run goes on to the end of those in flight: read on for their outcomes."""
        self._run.stop()

    def close(self) -> None:
        """Ends the run at once. A warning is logged for each downlink in flight, because it may have arrived."""
        if not self._closed:
            self._closed = True
            self._run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class AsyncDownlinkRun(_Run):
    """A run of many downlinks: use `async for` with it once. Nothing is sent before that.

    It yields each downlink as it ends. Downlinks are sent while the loop asks for the next one, at most `window` ahead. A
    run that cannot go on yields everything that has ended, and then raises.

    Leave the loop at any time: nothing more is sent, the ledger records what is known, and what is in flight is unknown. To
    learn its outcome, call `stop()` and read on. After a cancellation, read on to get what is known of the rest. Use `async
    with`, or await `aclose()`, to know that the ledger is free.
    """

    __module__ = "kpn_things"
    __slots__ = ("_closed", "_ready", "_reading")

    _run: AsyncRun

    def __init__(self, caller: AsyncCaller, bulk: Bulk) -> None:
        super().__init__(caller, bulk)
        self._closed = False
        self._reading = False
        self._ready: Iterator[Sent] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sent:
        while True:
            if self._closed:
                raise StopAsyncIteration
            for sent in self._ready:
                return sent
            if self._reading:
                raise RuntimeError("the run is read by another task")
            self._reading = True
            try:
                batch = await self._next_batch()
            finally:
                self._reading = False
            if batch is None:
                raise StopAsyncIteration
            self._ready = iter(batch)

    async def _next_batch(self) -> list[Sent] | None:
        future = self._run.next_batch()
        try:
            return await future
        except RuntimeError:
            if self._closed:
                # Another task closed it meanwhile.
                return None
            raise
        except BaseException:
            if not future.done():
                _drop(future)
            elif not future.cancelled() and future.exception() is None:
                # The task was cancelled in the same turn of the event loop as the items came.
                self._ready = iter(future.result() or ())
                self._run.abort()
            raise

    def stop(self) -> None:
        """Starts no more downlinks. The run goes on to the end of those in flight: read on for their outcomes."""
        self._run.stop()

    async def aclose(self) -> None:
        """Ends the run at once. A warning is logged for each downlink in flight, because it may have arrived."""
        if not self._closed:
            self._closed = True
            future = self._run.close()
            if future is not None:
                await future

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _drop(future: Any) -> None:
    """Ends the fetch of a coroutine that was closed."""
    try:
        future.cancel()
    except RuntimeError:
        # The event loop is closed too, so nothing can end the fetch.
        pass

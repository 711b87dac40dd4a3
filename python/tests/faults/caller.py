"""Either client, with many concurrent calls."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, ClassVar, TypeAlias

import pytest

from kpn_things import AsyncClient, Client, DownlinkOutcomeUnknown, KpnThingsError
from kpn_things._native import Config, Masked, TestClock, mask

Work: TypeAlias = Callable[[Any], Any]
"""Calls a method of either client, such as `lambda client: client.request("GET", "/devices")`."""


class Caller(ABC):
    """A client that makes calls. The result of a call is its return value, or the exception that it raised."""

    name: ClassVar[str]
    many: ClassVar[int]
    """The number of concurrent callers for which the promises hold."""

    kind: ClassVar[type[Client | AsyncClient]]

    def __init__(self, environment: Mapping[str, str], *, clock: TestClock | None = None, **options: Any) -> None:
        """A client from `KPN_THINGS_*` variables and options, with the given clock."""
        mask(options)
        self.client: Any = self.kind._of(Config(options, Masked(environment), clock=clock))

    @classmethod
    def of(cls, client: Client | AsyncClient) -> Caller:
        """A caller that uses this client."""
        caller = cls.__new__(cls)
        caller.client = client
        return caller

    @abstractmethod
    def call(self, work: Work) -> Any:
        """Makes a call."""

    def each(self, works: Iterable[Work], at_once: int = 64) -> list[Any]:
        """Makes these calls, `at_once` at a time, and returns their results in order."""
        return [result for result, _ in self.timed(works, at_once)]

    @abstractmethod
    def timed(self, works: Iterable[Work], at_once: int = 64) -> list[tuple[Any, float]]:
        """The same, with the seconds that each call took."""

    @abstractmethod
    def together(self, work: Work, callers: int | None = None) -> list[Any]:
        """Makes the same call `callers` times concurrently."""

    @abstractmethod
    def close(self) -> None:
        """Closes the connections."""

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Threads(Caller):
    """Calls `Client`, with one thread per concurrent call."""

    name = "python sync"
    many = 64
    kind = Client

    def call(self, work: Work) -> Any:
        try:
            return work(self.client)
        except BaseException as error:  # a panic of the native part is a `BaseException`
            return _told(error)

    def timed(self, works: Iterable[Work], at_once: int = 64) -> list[tuple[Any, float]]:
        def call(work: Work) -> tuple[Any, float]:
            begun = time.monotonic()
            return self.call(work), time.monotonic() - begun

        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(call, works))

    def together(self, work: Work, callers: int | None = None) -> list[Any]:
        callers = callers or self.many
        barrier = threading.Barrier(callers)

        def call(_: int) -> Any:
            barrier.wait()
            return self.call(work)

        with ThreadPoolExecutor(callers) as pool:
            return list(pool.map(call, range(callers)))

    def close(self) -> None:
        self.client.close()


class Tasks(Caller):
    """Calls `AsyncClient`, with one task per concurrent call."""

    name = "python async"
    many = 1_000
    kind = AsyncClient

    def call(self, work: Work) -> Any:
        return asyncio.run(self._make(work))

    def timed(self, works: Iterable[Work], at_once: int = 64) -> list[tuple[Any, float]]:
        async def main() -> list[tuple[Any, float]]:
            results: dict[int, tuple[Any, float]] = {}
            left = enumerate(works)

            async def worker() -> None:
                for place, work in left:
                    begun = time.monotonic()
                    results[place] = await self._make(work), time.monotonic() - begun

            await asyncio.gather(*(worker() for _ in range(at_once)))
            return [results[place] for place in sorted(results)]

        return asyncio.run(main())

    def together(self, work: Work, callers: int | None = None) -> list[Any]:
        async def main() -> list[Any]:
            return list(await asyncio.gather(*(self._make(work) for _ in range(callers or self.many))))

        return asyncio.run(main())

    async def _make(self, work: Work) -> Any:
        try:
            came: Awaitable[Any] = work(self.client)
            return await came
        except BaseException as error:
            return _told(error)

    def close(self) -> None:
        asyncio.run(self.client.aclose())


def _told(error: BaseException) -> BaseException:
    if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)):
        raise error
    return error


CALLERS: tuple[type[Caller], ...] = (Threads, Tasks)

either = pytest.mark.parametrize("caller", CALLERS, ids=["sync", "async"])
"""Runs a test with each client."""


def failure(result: object) -> object:
    """The error of a call: the cause of an unknown outcome, or else the result itself."""
    return result.__cause__ if isinstance(result, DownlinkOutcomeUnknown) else result


def told(outcome: Any) -> str:
    """The result of a call as text."""
    if isinstance(outcome, KpnThingsError):
        return f"{type(outcome).__name__} ({outcome.outcome}, {outcome.gave_up_because}): {outcome}"
    return repr(outcome)

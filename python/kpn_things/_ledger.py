"""Ledgers: the durable records of runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, NamedTuple

from ._arguments import count, path_text, text
from ._fields import Fields
from ._native import BulkItem, Store

ITEMS_AT_ONCE = 1_000
"""The number of items that are read from a ledger at a time."""


class Counts(NamedTuple):
    """The number of items of a job in each state."""

    pending: int
    """Never tried."""

    sending: int
    """Tried by a run that is in progress. If no run is, the next one finds them `unknown`."""

    accepted: int
    """Accepted by the service."""

    not_sent: int
    """Provably not sent."""

    unknown: int
    """May have arrived."""

    resumable: int
    """Those of `not_sent` that the next run sends."""

    @property
    def total(self) -> int:
        """The number of items."""
        return self.pending + self.sending + self.accepted + self.not_sent + self.unknown

    @property
    def is_finished(self) -> bool:
        """Whether the next run has nothing to send."""
        return self.pending + self.sending + self.resumable == 0


class Job(NamedTuple):
    """A job of a ledger: the downlinks of one call of `send_downlinks`."""

    id: str
    """The id: a UUID. Ids sort by the time at which their jobs were created."""

    created: datetime
    """When it was created."""

    source: str
    """Where its rows came from."""

    account: str
    """The account that it belongs to, without its secret. A client of another account cannot continue it."""

    counts: Counts
    """How many of its items are in which state."""


class JobItem(Fields):
    """An item of a job, and its record."""

    __module__ = "kpn_things"
    __slots__ = ("attempts", "claimed", "detail", "ended", "index", "item", "resumable", "state", "status", "tries")
    __match_args__: Final = ("index", "item", "state", "tries", "attempts", "status", "detail", "claimed", "ended", "resumable")

    index: int
    """The place of its row in the input, from 0."""

    item: BulkItem
    """The downlink."""

    state: Literal["pending", "sending", "accepted", "not_sent", "unknown"]
    """Its state."""

    tries: int
    """How often it was tried, in all runs."""

    attempts: int
    """The number of requests that were sent for it at the last try."""

    status: int | None
    """The status of the last response, if there was one."""

    detail: str
    """The response's body, or the reason why it was not accepted."""

    claimed: datetime | None
    """When it was tried last."""

    ended: datetime | None
    """When its outcome was recorded."""

    resumable: bool
    """Whether the next run sends it, although it was not sent."""

    def __init__(
        self,
        index: int,
        item: BulkItem,
        state: Literal["pending", "sending", "accepted", "not_sent", "unknown"],
        tries: int,
        attempts: int,
        status: int | None,
        detail: str,
        claimed: datetime | None,
        ended: datetime | None,
        resumable: bool,
    ) -> None:
        self.index = index
        self.item = item
        self.state = state
        self.tries = tries
        self.attempts = attempts
        self.status = status
        self.detail = detail
        self.claimed = claimed
        self.ended = ended
        self.resumable = resumable


class Ledger:
    """The durable record of runs: a SQLite file, or a PostgreSQL database that several machines share.

    `send_downlinks` creates jobs in it, and `resume_downlinks` continues them.

        ledger = Ledger("run.db")
        for job in ledger.jobs():
            print(job.id, job.counts)

    No method sends anything. Each opens the ledger for as long as it takes, so a ledger can be shared by threads and
    processes. It holds payloads, but no secret. The file must not be on a network file system.

    Args:
        name: The path of a SQLite file, which the first job creates. Or the URL of a PostgreSQL database, such as
            `postgres://user@host/database`. Its password is read from `PGPASSWORD` or `~/.pgpass`. A password in the URL is
            used, but neither shown nor pickled.
    """

    __module__ = "kpn_things"
    __slots__ = ("_place", "_store", "name")

    name: str
    """The path, or the URL without its password."""

    def __init__(self, name: str | os.PathLike[str]) -> None:
        self._place = path_text("ledger", name)
        self._store = Store(self._place)
        self.name = self._store.name

    def jobs(self) -> list[Job]:
        """Returns all jobs, the newest first.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        return [_job(fields) for fields in self._store.jobs()]

    def job(self, id: str) -> Job:
        """Returns a job.

        Raises:
            LedgerError: There is no such job, or the ledger cannot be read.
        """
        return _job(self._store.job(text("id", id)))

    def items(
        self, job: str, *, state: Literal["pending", "sending", "accepted", "not_sent", "unknown"] | None = None
    ) -> Iterator[JobItem]:
        """Returns the items of a job in the order of the input, all or those in one state. They are read as needed.

        Raises:
            InputError: There is no such state.
            LedgerError: There is no such job, or the ledger cannot be read.
        """
        first, name = 0, text("job", job)
        while batch := self._store.items(name, state, first, ITEMS_AT_ONCE):
            yield from (JobItem(*fields) for fields in batch)
            first = batch[-1][0] + 1

    def resolve(self, job: str, index: int, outcome: Literal["accepted", "not_sent"]) -> None:
        """Records what you found out about an unknown item. Once it is `not_sent`, the next run sends it again.

        If the request can still travel, for example in a proxy, the item is then sent twice. No software can prevent that.

        Args:
            job: The id of the job.
            index: The place of the item in the input, from 0.
            outcome: `accepted` if the device or the portal has the downlink, else `not_sent`.

        Raises:
            InputError: There is no such outcome.
            LedgerError: The item is not unknown, a run is in progress, or the ledger cannot be written.
        """
        self._store.resolve(text("job", job), count("index", index), text("outcome", outcome))

    def remove(self, job: str) -> None:
        """Removes a job with all of its items. Its downlinks do not count for `per_device` any more.

        Raises:
            LedgerError: There is no such job, a run of it is in progress, or the ledger cannot be written.
        """
        self._store.remove(text("job", job))

    def __repr__(self) -> str:
        return f"Ledger({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Ledger) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> tuple[type[Ledger], tuple[str]]:
        return Ledger, (self.name,)


def _job(fields: tuple[str, datetime, str, str, tuple[int, int, int, int, int, int]]) -> Job:
    id, created, source, account, numbers = fields
    return Job(id, created, source, account, Counts._make(numbers))

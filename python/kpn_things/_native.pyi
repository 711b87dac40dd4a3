"""The native part of `kpn_things`: its models, and the parts of `Client` and `AsyncClient`.

The models are public under `kpn_things`. All else may change with any version.
"""

import os
import sys
from asyncio import Future
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from datetime import datetime
from types import GenericAlias
from typing import Any, Final, Generic, Literal, SupportsIndex, TypeVar, final, overload

from typing_extensions import Self, disjoint_base

from ._headers import Headers
from ._run import Sent
from .errors import KpnThingsError

__all__ = [
    "AsyncCaller",
    "AsyncFeed",
    "AsyncRun",
    "Bulk",
    "BulkItem",
    "Call",
    "Caller",
    "Config",
    "Customers",
    "Device",
    "ERROR_KINDS",
    "Feed",
    "Fleet",
    "ListingReport",
    "Location",
    "Lora",
    "Masked",
    "Measurement",
    "Messages",
    "Page",
    "Proof",
    "Query",
    "Receipt",
    "ResourceQuery",
    "Response",
    "RetryPolicy",
    "Run",
    "Simulator",
    "Store",
    "TestClock",
    "Uplink",
    "VERSION",
    "Verified",
    "Verifier",
    "before_fork",
    "check_same_subject",
    "cli",
    "diff_devices",
    "downlink_state",
    "mask",
    "only_simulators",
    "read_listing",
    "sign_uplink",
    "stored_item",
]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)

ERROR_KINDS: Final[list[str]]
VERSION: Final[str]

@final
class Device(Mapping[str, Any]):
    """A device of your account.

    Immutable. Two devices are equal if all their fields are. A device is also a read-only mapping of the service's
    own field names, so that `dict(device)` and `device["deviceSpecificationUUID"]` work. It never equals a `dict`.
    """

    __match_args__: Final = ("uuid", "name")

    @property
    def uuid(self) -> str:
        """The service's id of the device. It is opaque."""

    @property
    def name(self) -> str:
        """The name. Empty if the device has none."""

    @property
    def description(self) -> str | None:
        """The description, if there is one."""

    @property
    def metadata(self) -> Any:
        """The metadata as plain Python data, as a new object each time; `None` if there is none. An integer has all its
        digits."""

    @property
    def device_specification_uuid(self) -> str | None:
        """The id of the device specification."""

    @property
    def barcode(self) -> str | None:
        """The barcode, if there is one."""

    @property
    def extra(self) -> dict[str, Any]:
        """The fields that this library does not know, as plain Python data, in a new `dict` each time."""

    def to_dict(self) -> dict[str, Any]:
        """All fields under the service's own names, including unknown ones, in a new `dict`."""

    def get(self, name: str, default: Any = None, /) -> Any:
        """The value of a field under the service's own name; `default` if the device has no such field."""

    def keys(self) -> KeysView[str]:
        """The service's own names of all fields."""

    def values(self) -> ValuesView[Any]:
        """The values of all fields."""

    def items(self) -> ItemsView[str, Any]:
        """The names and the values of all fields."""

    def __getitem__(self, name: str, /) -> Any: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    @classmethod
    def from_json(cls, data: bytes | bytearray | str) -> Self:
        """Reads a device from JSON as the service writes it, as `bytes` or `str`.

        Raises:
            DecodeError: It is not a device.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Page:
    """One page of a listing, as the service returned it."""

    __match_args__: Final = ("devices",)

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices of the page, in order."""

    @property
    def number(self) -> int | None:
        """The number of the page, from 0. `None` if the service does not return it."""

    @property
    def size(self) -> int | None:
        """The number of devices on a full page. It may be smaller than requested."""

    @property
    def total_pages(self) -> int | None:
        """The number of pages."""

    @property
    def total_elements(self) -> int | None:
        """The number of devices on all pages together."""

    @property
    def first(self) -> bool:
        """Whether this is the first page."""

    @property
    def last(self) -> bool:
        """Whether this is the last page."""

    @property
    def extra(self) -> dict[str, Any]:
        """The fields that this library does not know, in a new `dict` each time."""

    def to_dict(self) -> dict[str, Any]:
        """All fields under the service's own names, with the devices under `content`."""

    @classmethod
    def from_json(cls, data: bytes | bytearray | str) -> Self:
        """Reads a page from JSON as the service writes it, as `bytes` or `str`.

        Raises:
            DecodeError: It is not a page.
        """

    def __len__(self) -> int: ...
    def __bool__(self) -> Literal[True]: ...
    def __iter__(self) -> Iterator[Device]: ...
    @overload
    def __getitem__(self, place: SupportsIndex, /) -> Device: ...
    @overload
    def __getitem__(self, place: slice, /) -> tuple[Device, ...]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Fleet(Sequence[Device]):
    """All devices of a listing: a sequence, with a report on its completeness. Immutable."""

    __match_args__: Final = ("devices", "pages", "total_elements", "report", "proof")

    def __new__(
        cls,
        devices: Iterable[Device],
        pages: int,
        total_elements: int | None = None,
        report: ListingReport | None = None,
        proof: Proof | None = None,
    ) -> Self: ...
    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices, in order."""

    @property
    def pages(self) -> int:
        """The number of pages they were on."""

    @property
    def total_elements(self) -> int | None:
        """The number of devices that the service counted. `None` if it returned none. That it equals the number of
        devices here does not prove that the listing is complete."""

    @property
    def report(self) -> ListingReport:
        """The report of the listing on its own completeness."""

    @property
    def proof(self) -> Proof | None:
        """The proof that the listing is complete. `None` for a listing without `verified`."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """One `dict` per device, all with the same keys: the service's field names. A field that a device lacks is
        `None`.

        These are the rows for `pandas.DataFrame` and `pyarrow.Table.from_pylist`, and for `polars.DataFrame` with
        `infer_schema_length=None`: by default, polars takes the types from the first 100 rows alone.
        """

    def index(self, device: Any, start: int = 0, stop: int = sys.maxsize, /) -> int:
        """The first index of a device.

        Raises:
            ValueError: The device is not in the fleet.
        """

    def count(self, device: Any, /) -> int:
        """The number of times that a device is in the fleet."""

    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __iter__(self) -> Iterator[Device]: ...
    @overload
    def __getitem__(self, place: SupportsIndex, /) -> Device: ...
    @overload
    def __getitem__(self, place: slice, /) -> tuple[Device, ...]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ListingReport:
    """The report of a plain listing on its own completeness. Immutable.

    Pages that contradict each other show as doubles, as a total that changes, or as fewer devices than the service counted.
    If devices are added or removed during the listing, doubles and moved totals are normal. A clean report does not
    prove that the listing is complete: `verified` does.

    `str()` describes the findings in one sentence. It is empty if the report is clean.
    """

    __match_args__: Final = ("devices", "doubles", "total_elements", "moved_totals")

    def __new__(
        cls,
        devices: int,
        doubles: int = 0,
        total_elements: int | None = None,
        moved_totals: tuple[int, int] | None = None,
        skipped: int = 0,
    ) -> Self: ...
    @property
    def devices(self) -> int:
        """The number of devices that were listed, each once."""

    @property
    def doubles(self) -> int:
        """The number of devices that were on a later page once more. They were not listed again."""

    @property
    def total_elements(self) -> int | None:
        """The number of devices that the service counted, on the last page that had a total."""

    @property
    def moved_totals(self) -> tuple[int, int] | None:
        """The smallest and the largest total of the service, if it returned more than one."""

    @property
    def skipped(self) -> int:
        """The number of devices on the pages before the first page of the listing."""

    @property
    def missing(self) -> int:
        """How many fewer devices were listed than the service counted. 0 if it returned no total."""

    @property
    def is_clean(self) -> bool:
        """Whether there are no findings."""

    def to_dict(self) -> dict[str, Any]:
        """All fields, under the names of the attributes."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Proof:
    """The proof that a listing is complete. Immutable."""

    __match_args__: Final = ("requests", "repairs")

    def __new__(cls, requests: int, repairs: int = 0) -> Self: ...
    @property
    def requests(self) -> int:
        """The number of pages that were requested."""

    @property
    def repairs(self) -> int:
        """The number of those that were requested because a link was missing, or to find the end."""

    def to_dict(self) -> dict[str, Any]:
        """All fields, under the names of the attributes."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Receipt:
    """The service accepted the downlink: it is queued, and a class A device receives it after its next uplink."""

    __match_args__: Final = ("status", "body", "external_reference")

    def __new__(
        cls,
        status: int,
        body: Any = None,
        external_reference: str | None = None,
        attempts: int = 1,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> Self: ...
    @property
    def status(self) -> int:
        """The HTTP status, 2xx."""

    @property
    def headers(self) -> Headers:
        """The response's headers. A service desk may need one of them, such as a request id."""

    @property
    def body(self) -> Any:
        """The response's body: plain data if it is JSON of up to 512 KiB, else `bytes`, or `None`. What it holds is not
        documented."""

    @property
    def external_reference(self) -> str | None:
        """The external reference of the downlink, yours or a generated one. `None` if it was sent without one."""

    @property
    def attempts(self) -> int:
        """The number of requests that were sent; more than 1 if the first provably was not processed."""

    def to_dict(self) -> dict[str, Any]:
        """All fields, under the names of the attributes."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Response:
    """The response to a call that this library does not model."""

    __match_args__: Final = ("status", "content")

    def __new__(
        cls,
        status: int,
        content: bytes,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        attempts: int = 1,
        elapsed: float = 0.0,
    ) -> Self: ...
    @property
    def status(self) -> int:
        """The HTTP status, 2xx."""

    @property
    def headers(self) -> Headers:
        """The headers. Their names can be read in any case."""

    @property
    def content(self) -> bytes:
        """The body, unchanged."""

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""

    def json(self) -> Any:
        """The body as plain Python data; `ValueError` if it is not JSON, or nested deeper than Python reads."""

    @property
    def attempts(self) -> int:
        """The number of requests that were sent."""

    @property
    def elapsed(self) -> float:
        """The time of the whole call, in seconds."""

    def to_dict(self) -> dict[str, Any]:
        """All fields, under the names of the attributes."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class RetryPolicy:
    """When a client makes another attempt at a call that failed, and how long it waits before that.

    A downlink is retried only if the service provably did not act on it, whatever the policy says.
    """

    def __new__(
        cls, *, max_attempts: int = 3, base_delay: float = 0.2, max_delay: float = 10.0, max_retry_after: float = 120.0
    ) -> Self: ...
    @property
    def max_attempts(self) -> int:
        """Maximum number of attempts per call, including the first."""

    @property
    def base_delay(self) -> float:
        """Seconds to wait before the second attempt. Each further wait is up to twice as long."""

    @property
    def max_delay(self) -> float:
        """The longest wait in seconds that the client itself chooses."""

    @property
    def max_retry_after(self) -> float:
        """The longest `Retry-After` in seconds that the client waits for. A longer one ends the call with an error."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Masked:
    """A value that its `repr` does not show."""

    def __new__(cls, value: object) -> Self: ...

def mask(options: Mapping[str, Any]) -> None:
    """Masks the secrets among the options, in place, before anything else is done with them.

    The options are a local variable of our Python code. Tools that report errors show such variables.
    """

def before_fork() -> None:
    """Ends the idle worker before a fork, so that Python does not warn about threads that a forked child would lack."""

@final
class Config:
    """Settings that were resolved and checked, and the limits of a client. It holds the secret, but neither shows nor pickles
    it."""

    def __new__(
        cls,
        options: dict[str, Any],
        environ: Masked | None = None,
        postman: tuple[str, Masked] | None = None,
        clock: TestClock | None = None,
    ) -> Self: ...
    @property
    def base_url(self) -> str:
        """The URL of the API."""

    @property
    def customer_id(self) -> str | None:
        """The sub-customer that calls are made for, if a setting names one."""

    @property
    def has_security_context(self) -> bool:
        """Whether a security context is set. It is a secret, too."""

    def public(self) -> dict[str, Any]:
        """The options that recreate this configuration, without the secrets."""

@final
class Call(Generic[_T_co]):
    """A call with checked arguments."""

    @staticmethod
    def downlink(dev_eui: str, payload: bytes, port: int, external_reference: str | None) -> Call[Receipt]:
        """A downlink of bytes to a LoRa device. An empty reference sends none; without one, the client generates one."""

    @staticmethod
    def senml(records: str, device: str | None, port: int | None, external_reference: str | None) -> Call[Receipt]:
        """A downlink of SenML records, a JSON array. Without `device`, the records must name the device."""

    @staticmethod
    def switch(customer_id: str) -> Call[Any]:
        """The context switch to a sub-customer."""

    @staticmethod
    def request(
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        headers: Sequence[tuple[str, str]],
        content: bytes | None,
    ) -> Call[Response]:
        """A call with any method and path."""

    def missed(self, result: object) -> None:
        """Warns about a result that came when its caller had just stopped waiting for it."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

@final
class Query(Generic[_T_co]):
    """Which devices to list, in which order, and how."""

    @staticmethod
    def pages(
        search: str | None,
        sort_by: str | None,
        descending: bool | None,
        page_size: int | None,
        first_page: int,
        window: int,
        timeout: float | None,
        deadline: float | None,
        strict: bool,
    ) -> Query[Page]:
        """The pages of a listing."""

    def verified(self, vouched: bool) -> Query[tuple[Device, ...]]:
        """The same devices in batches, by a listing that proves it is complete."""

    def of_customers(self, customers: Customers) -> Query[tuple[str, Fleet | None, KpnThingsError | None]]:
        """The same listing for each of several sub-customers."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

@final
class Customers:
    """The ids of sub-customers, each once."""

    def __new__(cls, ids: Sequence[str]) -> Self: ...

@final
class Caller:
    """Makes blocking calls."""

    def __new__(cls, config: Config) -> Self: ...
    def for_customer(self, id: str) -> Caller:
        """Returns a caller that acts for a sub-customer."""

    def without_customer(self) -> Caller:
        """Returns a caller that acts for no sub-customer."""

    def with_options(
        self, timeout: float | None, retry: RetryPolicy | None, on_event: Callable[[Any], object] | None
    ) -> Caller:
        """Returns a caller with the given options changed."""

    def call(self, call: Call[_T], timeout: float | None) -> _T:
        """Makes the call."""

    def feed(self, query: Query[_T]) -> Feed[_T]:
        """Lists devices."""

    def items(self, query: ResourceQuery) -> Feed[str]:
        """Lists a resource of the current API. Each item is its JSON."""

    def subject(self, query: Query[Any]) -> tuple[str, str | None, str | None]:
        """What a listing lists: the base URL, the search and the sub-customer."""

    def send(self, bulk: Bulk) -> Run:
        """Starts a run of many downlinks. Nothing is sent before its first item is requested."""

    def close(self) -> None:
        """Closes the connections, also for all callers derived from this one."""

@final
class ResourceQuery:
    """Which items of a resource to list, and in which order."""

    def __new__(
        cls,
        path: str,
        filters: Sequence[tuple[str, str]],
        sort: str | None,
        limit: int | None,
        cursor: str | None,
        timeout: float | None,
        deadline: float | None,
    ) -> Self: ...

@final
class Feed(Generic[_T_co]):
    """The items of a listing, one at a time."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> _T_co: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def report(self) -> ListingReport:
        """The report of the listing so far."""

    @property
    def proof(self) -> Proof | None:
        """The proof, once the listing is proven complete."""

    def fleet(self, devices: Iterable[Device]) -> Fleet:
        """The fleet of all devices that were listed."""

@final
class AsyncCaller:
    """Makes calls that asyncio waits for."""

    def __new__(cls, config: Config) -> Self: ...
    def for_customer(self, id: str) -> AsyncCaller:
        """Returns a caller that acts for a sub-customer."""

    def without_customer(self) -> AsyncCaller:
        """Returns a caller that acts for no sub-customer."""

    def with_options(
        self, timeout: float | None, retry: RetryPolicy | None, on_event: Callable[[Any], object] | None
    ) -> AsyncCaller:
        """Returns a caller with the given options changed."""

    def call(self, call: Call[_T], timeout: float | None) -> Future[_T]:
        """Makes the call."""

    def feed(self, query: Query[_T]) -> AsyncFeed[_T]:
        """Lists devices."""

    def items(self, query: ResourceQuery) -> AsyncFeed[str]:
        """Lists a resource of the current API. Each item is its JSON."""

    def send(self, bulk: Bulk) -> AsyncRun:
        """Starts a run of many downlinks. Nothing is sent before its first items are requested."""

    def close(self) -> None:
        """Closes the connections, also for all callers derived from this one."""

@final
class AsyncFeed(Generic[_T_co]):
    """The items of a listing, in batches of all available items."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def next_batch(self) -> Future[list[_T_co] | None]:
        """Returns a future of the available items, in order: a list of at least one, or `None` at the end."""

    @property
    def report(self) -> ListingReport:
        """The report of the listing so far."""

    @property
    def proof(self) -> Proof | None:
        """The proof, once the listing is proven complete."""

    def fleet(self, devices: Iterable[Device]) -> Fleet:
        """The fleet of all devices that were listed."""

@final
class BulkItem:
    """One downlink of a run: a row that was checked. Immutable.

    Make one of a row to check it before you need it. `send_downlinks` takes items as well as rows.
    """

    def __new__(cls, row: Mapping[Any, Any], /) -> Self: ...
    @property
    def urn(self) -> str | None:
        """The URN of the device."""

    @property
    def dev_eui(self) -> str | None:
        """The DevEUI of the device. `None` for a device without one."""

    @property
    def port(self) -> int | None:
        """The LoRa port (FPort)."""

    @property
    def payload(self) -> bytes | None:
        """The bytes of the downlink. `None` if it consists of other records."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """The SenML records, as plain data."""

    @property
    def reference(self) -> str | None:
        """The external reference: yours, or a generated one."""

    @property
    def customer(self) -> str | None:
        """The Customer ID of the sub-customer whose device it is. `None`: that of the client."""

    @property
    def not_after(self) -> datetime | None:
        """The time from which on it must not be sent."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Bulk:
    """Which downlinks to send, through which ledger, and how. A client starts it once."""

    @staticmethod
    def rows(
        rows: Iterable[Mapping[Any, Any] | BulkItem],
        not_after: datetime | str | None,
        ledger: str | None,
        source: str,
        options: Mapping[str, Any],
    ) -> Bulk:
        """The downlinks of rows, which are all checked here. Without a ledger, they are kept in memory."""

    @staticmethod
    def stored(ledger: str, job: str, again: bool, join: bool, options: Mapping[str, Any]) -> Bulk:
        """The downlinks that a job has left. `again` includes those that the service refused. `join` shares the run that
        another worker has begun."""

    @property
    def size(self) -> int:
        """The number of downlinks."""

    @property
    def job(self) -> str | None:
        """The id of the job in the ledger."""

@final
class Run(Iterator[Sent]):
    """The downlinks of a run that have ended, one at a time."""

    def __next__(self) -> Sent: ...
    def __iter__(self) -> Self: ...
    @property
    def progress(self) -> tuple[int, int, int, int, int, bool]:
        """Accepted, not sent, unknown, in flight and retried, and whether the run waits."""

    def stop(self) -> None:
        """Starts no more downlinks. Those in flight are finished, and are the last items."""

    def close(self) -> None:
        """Ends the run at once, and warns about the downlinks in flight. A thread that reads it gets no more items."""

@final
class AsyncRun:
    """The downlinks of a run that have ended, in batches of all available ones."""

    def next_batch(self) -> Future[list[Sent] | None]:
        """Returns a future of the available items: a list of at least one, or `None` at the end. Cancelling it ends the
        run."""

    @property
    def progress(self) -> tuple[int, int, int, int, int, bool]:
        """Accepted, not sent, unknown, in flight and retried, and whether the run waits."""

    def stop(self) -> None:
        """Starts no more downlinks. Those in flight are finished, and are the last items."""

    def abort(self) -> None:
        """Ends the calls in flight. What is known of them, and the items that nobody took, can still be read."""

    def close(self) -> Future[None] | None:
        """Ends the run at once. Returns a future of the end, which warns about the downlinks in flight; `None` in a fork."""

@final
class Store:
    """A ledger by its name. Each method opens it for as long as it takes."""

    def __new__(cls, name: str) -> Self: ...
    @property
    def name(self) -> str:
        """The path, or the URL without its password."""

    def jobs(self) -> list[tuple[str, datetime, str, str, tuple[int, int, int, int, int, int]]]:
        """All jobs, the newest first. Each is a tuple of the fields of `kpn_things.Job`."""

    def job(self, id: str) -> tuple[str, datetime, str, str, tuple[int, int, int, int, int, int]]:
        """A job."""

    def items(self, id: str, state: str | None, first: int, most: int) -> list[tuple[Any, ...]]:
        """Up to `most` items of a job from `first` on. Each is a tuple of the fields of `kpn_things.JobItem`."""

    def resolve(self, id: str, index: int, outcome: str) -> None:
        """Records what a person found out about an unknown item."""

    def remove(self, id: str) -> None:
        """Removes a job with all of its items."""

def stored_item(downlink: str, customer: str | None, not_after: tuple[int, int] | None) -> BulkItem:
    """The item of a pickle."""

@final
class Uplink:
    """A message that was read: its device, and what the device measured. Immutable.

    The parts of it become Python objects when they are read first. Its `repr` shows no value.
    """

    def __new__(cls, body: bytes, now: float) -> Self: ...
    @property
    def device(self) -> str | None:
        """The id of the device: a DevEUI as 16 upper-case hex digits, an IMEI, a UUID, or the base name as it was written.
        `None` if the message names no device.
        """

    @property
    def dev_eui(self) -> str | None:
        """The DevEUI of a LoRa device, as 16 upper-case hex digits."""

    @property
    def imei(self) -> str | None:
        """The IMEI of a cellular device."""

    @property
    def device_uuid(self) -> str | None:
        """The UUID of the device at KPN Things, if the message names the device by it."""

    @property
    def lora(self) -> Lora | None:
        """The raw uplink of a LoRa device. `None` if the message has no payload."""

    @property
    def location(self) -> Location | None:
        """The location of the device. `None` if the message has neither a latitude nor a longitude."""

    @property
    def measurements(self) -> list[Measurement]:
        """All measurements, in the order of their records, those of `lora` and `location` included."""

    @property
    def leniencies(self) -> list[str]:
        """What was tolerated although SenML forbids it, such as a number in a string, one sentence each."""

    def decode(self, codec: Callable[[int, bytes], Iterable[dict[str, Any]]]) -> Uplink | None:
        """Decodes the payload of a LoRa device: the measurements of the codec as an uplink of their own. `None` if the message has no
        payload or no port, or if the codec returns nothing.

        Args:
            codec: A function of the port and the payload, which returns SenML records as dictionaries, such as
                `[{"n": "temperature", "u": "Cel", "v": 21.5}]`. They are about the device, at the time of the payload.

        Raises:
            UplinkFieldError: The payload or the port cannot be read.
            UplinkParseError: The records are not SenML.
        """

    def rows(self) -> list[dict[str, Any]]:
        """The measurements as rows for a data frame: a `dict` each, with `device`, `name`, `time` (nanoseconds since 1970, as
        `pandas.to_datetime` reads them), `unit`, and the value as `value` (a number), `text`, `flag` or `data`.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Uplink], tuple[bytes, float]]: ...

@final
class Lora:
    """What a LoRa device sent, and what the network reports about it. A field that the message does not have is `None`."""

    def __new__(cls, uplink: Uplink) -> Self: ...
    @property
    def payload(self) -> bytes:
        """The bytes of the payload."""

    @property
    def port(self) -> int | None:
        """The LoRaWAN port (FPort), 0 to 255."""

    @property
    def frame_counter_up(self) -> int | None:
        """The uplink frame counter (`FCntUp`)."""

    @property
    def frame_counter_down(self) -> int | None:
        """The downlink frame counter (`FCntDn`)."""

    @property
    def rssi(self) -> float | None:
        """The received signal strength at the gateway (`LrrRSSI`), as it was reported."""

    @property
    def snr(self) -> float | None:
        """The signal-to-noise ratio at the gateway (`LrrSNR`), as it was reported."""

    @property
    def esp(self) -> float | None:
        """The estimated signal power at the gateway (`LrrESP`), as it was reported."""

    @property
    def spreading_factor(self) -> int | None:
        """The spreading factor (`SpFact`), as it was reported."""

    @property
    def time(self) -> float | None:
        """The time of the payload, in seconds since 1970."""

    @property
    def metadata(self) -> dict[str, Any]:
        """The value of every other record of the device, known or not, by its name. Of a repeated name, the last value."""

    def __reduce__(self) -> tuple[type[Lora], tuple[Uplink]]: ...

@final
class Location:
    """A location of a device. A field that the message does not have is `None`."""

    def __new__(cls, uplink: Uplink) -> Self: ...
    @property
    def latitude(self) -> float | None:
        """The latitude in degrees, -90 to 90."""

    @property
    def longitude(self) -> float | None:
        """The longitude in degrees, -180 to 180."""

    @property
    def radius(self) -> float | None:
        """The radius, as it was reported."""

    @property
    def time(self) -> datetime | None:
        """When the device was there, in UTC."""

    def __reduce__(self) -> tuple[type[Location], tuple[Uplink]]: ...

@final
class Measurement:
    """One resolved SenML record: it needs no other record to be understood. Immutable. Its `repr` shows no value."""

    def __new__(cls, uplink: Uplink, index: int) -> Self: ...
    @property
    def name(self) -> str:
        """The name of the record without the base name, such as `temperature`. Empty if the record has none."""

    @property
    def full_name(self) -> str:
        """The base name and the name, such as `urn:dev:DEVEUI:0059AC0000181EB6:temperature`."""

    @property
    def time(self) -> float:
        """The time in seconds since 1970."""

    @property
    def nanoseconds(self) -> int | None:
        """The time in nanoseconds since 1970. `None` if it is out of all range."""

    @property
    def is_relative(self) -> bool:
        """Whether the message had no time, or one relative to the time at which it was received."""

    @property
    def unit(self) -> str | None:
        """The unit, such as `Cel`."""

    @property
    def value(self) -> float | str | bool | bytes | None:
        """The value: a number, a text, a boolean or bytes. `None` if the record has only a sum. A number that was written
        without a point or an exponent is an `int`.
        """

    @property
    def digits(self) -> str | None:
        """The digits of a number, all of them. `None` if the value is not a number."""

    @property
    def sum(self) -> float | None:
        """The integral of the value over time."""

    @property
    def update_time(self) -> float | None:
        """The seconds until the next measurement of this name at the latest."""

    @property
    def content_format(self) -> str | None:
        """The content format of a data value."""

    @property
    def extra(self) -> dict[str, Any]:
        """The fields that no RFC defines, by their labels."""

    @property
    def record(self) -> int:
        """The index of the record in the message, from 0."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Measurement], tuple[Uplink, int]]: ...

@disjoint_base
class Verifier:
    """Verifies messages. `kpn_things.uplink.Verifier` reads its arguments."""

    def __new__(
        cls,
        secrets: bytes | list[tuple[str, bytes]],
        plugs: list[tuple[str, list[tuple[str, bytes]]]],
        body_limit: int,
    ) -> Self: ...
    def verify(
        self, headers: Mapping[str, Any] | Iterable[tuple[str | bytes, str | bytes]] | str | bytes | None, body: bytes | bytearray | memoryview
    ) -> Verified:
        """Verifies that KPN Things sent a message. The comparison takes the same time wherever a token is wrong.

        Args:
            headers: All headers of the request: a mapping, or pairs of a name and a value, as `str` or `bytes`. Or only the
                value of the header `Things-Message-Token`, or `None` if there is none.
            body: The body, byte for byte as it was received. JSON that was parsed and written again does not match.

        Raises:
            UplinkRefusedError: The message is refused. `status` is the status code of the response: 401 or 413.
        """

    @property
    def labels(self) -> list[str]:
        """The labels of the secrets, in their order, without those of plugs."""

    @property
    def body_limit(self) -> int:
        """The most bytes of a body."""

@final
class Verified:
    """A message that KPN Things sent, as its token proves. Immutable. Its `repr` does not show the token."""

    def __new__(cls, label: str, digest: bytes) -> Self: ...
    @property
    def label(self) -> str:
        """The label of the secret that matched. It shows whether a retiring secret is still in use."""

    @property
    def token_digest(self) -> bytes:
        """The token as 32 bytes. A message that is sent again has the same one."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Verified], tuple[str, bytes]]: ...

@final
class Messages:
    """An inbox by its name. Each method opens it for as long as it takes."""

    def __new__(cls, name: str) -> Self: ...
    @property
    def name(self) -> str:
        """The path, or the URL without its password."""

    def read(self, after: int, most: int) -> list[tuple[Any, ...]]:
        """Up to `most` messages after an id. Each is a tuple of the fields of `kpn_things.uplink.Message`."""

    def cursor(self, consumer: str) -> int:
        """The id of the last message that a consumer is done with."""

    def advance(self, consumer: str, id: int) -> None:
        """Records that a consumer is done with all messages up to this one."""

    def counts(self) -> tuple[int, int]:
        """The number of messages, and the id of the newest."""

    def append(self, received: datetime, label: str | None, headers: list[tuple[str, bytes]], body: bytes) -> int | None:
        """Stores a message as a receiver does, and returns its id, for tests. `None` if it is a duplicate."""

def sign_uplink(secret: bytes, body: bytes | bytearray | memoryview) -> str:
    """Returns the message token of a body: SHA-256 over its bytes followed by the secret, as 64 lower-case hex digits."""

@final
class Simulator:
    """GRIP and KPN Things on loopback."""

    def __new__(
        cls,
        *,
        devices: int | None = None,
        device_file: str | None = None,
        strict_devices: bool = False,
        seed: int = 0,
        port: int = 0,
        access: bool = True,
        customers: dict[str, int] | None = None,
        token_life: float = 3600.0,
        page_size_cap: int | None = None,
        changes: Sequence[str] = ...,
        quirks: Sequence[str] = ...,
        faults: Sequence[str] = ...,
        uplink_to: str | None = None,
        uplink_secret: str | None = None,
        uplink_rate: str | None = None,
        uplink_answers: bool = True,
        uplink_pause: float = 1.0,
        own_devices: Sequence[tuple[str, str]] = ...,
    ) -> Self: ...
    @property
    def url(self) -> str:
        """The base URL of both GRIP and the API."""

    def environment(self) -> dict[str, str]:
        """The environment variables that point a client at it, including the secret."""

    def postman_environment(self) -> str:
        """The same settings as a Postman environment file."""

    def add_fault(self, fault: str) -> None:
        """Adds a fault. Its calls are counted from now on."""

    def add_change(self, change: str) -> None:
        """Adds a change of the devices. Its list requests are counted from now on."""

    def remove_fault(self, fault: str) -> bool:
        """Removes one fault. Returns `False` if there is none like it."""

    def clear_faults(self) -> None:
        """Removes every fault."""

    def revoke_tokens(self) -> None:
        """Revokes every token issued so far."""

    def forget_context_switches(self) -> None:
        """Forgets every context switch."""

    def add_device(self, device: str) -> str:
        """Adds a device, written as a JSON object with the service's field names. Returns its uuid."""

    def remove_device(self, uuid: str) -> bool:
        """Removes a device. Returns `False` if there is none with this uuid."""

    @property
    def device_count(self) -> int:
        """The number of devices."""

    @property
    def customers(self) -> list[str]:
        """The ids of the granted sub-customers."""

    def calls(self, route: str | None = None) -> int:
        """The number of requests on a route, whether they got a response or not: `token`, `devices`, `downlinks`,
        `context-switch`, `ingestion`, `other`, or all of them."""

    def downlinks(self) -> list[dict[str, Any]]:
        """The downlinks it accepted, oldest first, each a `dict`."""

    def requests(self) -> list[dict[str, Any]]:
        """The requests it received, oldest first, each a `dict`; secrets are masked."""

    def post_uplinks_to(
        self, url: str | None, secret: str, plug_uuid: str | None, headers: Sequence[tuple[str, str]], pause: float
    ) -> None:
        """Posts the coming uplinks to this destination."""

    def post_uplink(self, uplink: str) -> dict[str, Any]:
        """Posts an uplink, written as JSON. Returns it as soon as it was delivered or discarded."""

    def wait_for_uplinks(self, count: int, timeout: float) -> bool:
        """Waits until so many uplinks were delivered or discarded. Returns `False` if they were not in time."""

    def uplinks(self) -> list[dict[str, Any]]:
        """The uplinks it posted, oldest first, each a `dict`."""

    def own_devices(self) -> dict[str, str]:
        """The devices of your own, with the secret of each."""

    def set_downlink_in_response(self, uuid: str, downlink: bytes) -> bool:
        """Sets the downlink in the response to the next pack of a device. Returns `False` if there is none like it."""

    def packs(self) -> list[dict[str, Any]]:
        """The packs it accepted, oldest first, each a `dict`."""

    def stop(self) -> None:
        """Closes the listener and every connection. Does nothing in a forked child, because its parent owns the simulator."""

@final
class TestClock:
    """Shows the time since it was created, plus the time that was added."""

    def __new__(cls, wall: int) -> Self: ...
    def advance(self, milliseconds: int) -> None:
        """Advances the time."""

    def elapsed(self) -> int:
        """Milliseconds since the start."""

def read_listing(
    path: str | os.PathLike[str],
) -> tuple[tuple[Device, ...], tuple[str, str | None, str | None] | None, str | None]:
    """Reads a saved listing. Returns its devices, what it lists if it says so, and why it proves nothing, if so."""

def check_same_subject(old: tuple[str, str | None, str | None], new: tuple[str, str | None, str | None]) -> None:
    """Checks that two listings list the same."""

def diff_devices(
    old: Sequence[Device], new: Sequence[Device], proven: bool
) -> tuple[
    tuple[Device, ...],
    tuple[Device, ...],
    tuple[Device, ...],
    tuple[Device, ...],
    tuple[Device, ...],
    list[tuple[tuple[str, Any, Any], ...]],
]:
    """Compares two listings. Returns the devices that were added, removed and not listed, and the old and the new device
    and the fields of each that changed."""

def downlink_state(json: str) -> tuple[str, Literal["Pending", "Executing"]] | None:
    """Returns the field and the state of a downlink that has a documented state."""

def only_simulators(on: bool) -> None:
    """Turns the guard on or off. Calls are counted: it is off once it was turned off as often as on."""

def cli(arguments: Sequence[str]) -> int:
    """Runs the command line tool on the streams of this process, and returns its exit status."""

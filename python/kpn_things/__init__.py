"""A client for KPN Things: lists the whole fleet, sends downlinks at most once, and acts for sub-customers.

    from kpn_things import Client

    with Client.from_env() as client:
        for device in client.devices(search="Parking"):
            print(device.name)
        client.send_downlink("0059AC0000181EB6", b"\\x01\\x02", port=1, external_reference="valve-42")

`AsyncClient` has the same methods for asyncio. `kpn_things.errors` describes the exceptions. `kpn_things.testing` has a
simulator of the service for your tests, which needs no account.
"""

import os

from ._async_client import AsyncClient, AsyncDevices, AsyncVerifiedDevices
from ._client import Client, Devices, VerifiedDevices
from ._current import AsyncCurrent, AsyncItems, Current, Item, Items, ListedDownlink, Project
from ._customers import (
    AsyncCustomerDevices,
    AsyncCustomerListing,
    AsyncForCustomers,
    CustomerDevices,
    CustomerFleet,
    CustomerListing,
    ForCustomers,
)
from ._diff import DeviceChange, DeviceDiff, FieldChange, diff_devices
from ._events import Event
from ._headers import Headers
from ._ledger import Counts, Job, JobItem, Ledger
from ._listing import AsyncListing, Listing
from ._native import VERSION as __version__
from ._native import BulkItem, Device, Fleet, ListingReport, Page, Proof, Receipt, Response, RetryPolicy
from ._options import AsyncOptions, Options
from ._run import AsyncDownlinkRun, DownlinkRun, Progress, Sent
from .errors import (
    ApiError,
    AuthError,
    BadRequestError,
    CancelledError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    DecodeError,
    DownlinkOutcomeUnknown,
    ForbiddenError,
    HeadTooLargeError,
    IncompleteError,
    InputError,
    KpnThingsError,
    LedgerError,
    ListingError,
    NotFoundError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    TooDeepError,
    TooLargeError,
    TooManyPagesError,
    TransportError,
    UnexpectedStatusError,
)

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncCurrent",
    "AsyncCustomerDevices",
    "AsyncCustomerListing",
    "AsyncDevices",
    "AsyncDownlinkRun",
    "AsyncForCustomers",
    "AsyncItems",
    "AsyncListing",
    "AsyncOptions",
    "AsyncVerifiedDevices",
    "AuthError",
    "BadRequestError",
    "BulkItem",
    "CancelledError",
    "Client",
    "ConfigError",
    "ConnectError",
    "ConnectionLostError",
    "Counts",
    "Current",
    "CustomerDevices",
    "CustomerFleet",
    "CustomerListing",
    "DeadlineError",
    "DecodeError",
    "Device",
    "DeviceChange",
    "DeviceDiff",
    "Devices",
    "DownlinkOutcomeUnknown",
    "DownlinkRun",
    "Event",
    "FieldChange",
    "Fleet",
    "ForCustomers",
    "ForbiddenError",
    "HeadTooLargeError",
    "Headers",
    "IncompleteError",
    "InputError",
    "Item",
    "Items",
    "Job",
    "JobItem",
    "KpnThingsError",
    "Ledger",
    "LedgerError",
    "ListedDownlink",
    "Listing",
    "ListingError",
    "ListingReport",
    "NotFoundError",
    "Options",
    "Page",
    "Progress",
    "Project",
    "Proof",
    "RateLimitedError",
    "Receipt",
    "RequestTimeoutError",
    "Response",
    "RetryPolicy",
    "Sent",
    "ServerError",
    "TooDeepError",
    "TooLargeError",
    "TooManyPagesError",
    "TransportError",
    "UnexpectedStatusError",
    "VerifiedDevices",
    "__version__",
    "diff_devices",
]

if os.environ.get("KPN_THINGS_LOG"):
    from ._log import log_to_stderr

    log_to_stderr(os.environ["KPN_THINGS_LOG"])

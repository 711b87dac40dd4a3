"""KPN Things and its identity service GRIP on this machine, for tests that need no account and no network.

    from kpn_things.testing import Simulator

    with Simulator(devices=50, faults=["downlinks@1=status:503,Retry-After:0"]) as simulator:
        client = simulator.client()
        client.send_downlink("0059AC0000181EB6", b"\\x01\\x02", port=1)
        [downlink] = simulator.downlinks
        assert downlink.payload == b"\\x01\\x02"
        assert simulator.calls("downlinks") == 2

With pytest there is the fixture `kpn_things_simulator`, which points `Client.from_env()` at a simulator of its own for each
test; the marker `kpn_things` holds its options:

    import pytest

    @pytest.mark.kpn_things(devices=3, faults=["token=status:500"])
    def test_my_program(kpn_things_simulator):
        ...

A fault is written as `ROUTE[@WHEN]=FAULT`:

    ROUTE   `token`, `devices`, `downlinks`, `context-switch`, `other`, or `any`
    WHEN    which calls of the route, counted from 1 as the fault is added: `3`, `3-5`, `3-`, `every-10`, `5%`; else all
    FAULT   `latency:20ms`                   looked at this much later
            `status:503[,Name:value]*`       this answer, and no effect; `,body:TEXT` adds a body
            `status-after:500[,Name:value]*` this answer, but the call took effect
            `drop-before`, `drop-after`      the connection is closed without an answer, before or after it took effect
            `stall`, `stall-after`           never answered, before or after it took effect
            `truncate:100`                   took effect; the answer ends after 100 bytes of its body
            `revoke`                         all tokens are revoked before the call is looked at
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from ._async_client import AsyncClient
from ._client import Client
from ._native import Simulator as _Simulator

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._options import Options

__all__ = ["Churn", "ReceivedDownlink", "ReceivedRequest", "Simulator"]


class Churn(NamedTuple):
    """Devices that come and go between the pages of a listing."""

    every: int
    """After this many pages."""

    add: int
    """How many devices are added each time."""

    remove: int
    """How many devices are removed each time."""


@dataclass(frozen=True)
class ReceivedDownlink:
    """A downlink that the simulator accepted. Its `repr` does not show what it says."""

    records: tuple[dict[str, Any], ...] = field(repr=False, hash=False)
    """The SenML records of its body."""

    port: int | None
    """The LoRa port."""

    external_reference: str | None
    """The sender's own name for it."""

    customer_id: str | None
    """The sub-customer that it was sent for."""

    @property
    def device(self) -> str | None:
        """The device as the first record names it, such as `urn:dev:DEVEUI:0059AC0000181EB6:`."""
        return next((record["bn"] for record in self.records if "bn" in record), None)

    @property
    def dev_eui(self) -> str | None:
        """The DevEUI, if the device is named by one."""
        device, urn = self.device or "", "urn:dev:DEVEUI:"
        return device.removeprefix(urn).removesuffix(":") if device.startswith(urn) else None

    @property
    def payload(self) -> bytes | None:
        """The bytes for a LoRa device; `None` if the records are of another kind."""
        texts = (record.get("vs") for record in self.records if record.get("n") == "payloadHex")
        return next((bytes.fromhex(text) for text in texts if text is not None), None)


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that the simulator received, whether it answered or not. Tokens and secrets are masked."""

    method: str
    """The HTTP method."""

    target: str
    """Path and query as they came, still percent-encoded."""

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Names and values as they came."""

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query, decoded."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """The value of the first header of this name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Simulator:
    """A service that keeps state, enforces KPN's documentation, and goes wrong when told to.

    It runs from its making until `stop`, or the end of `with`, in threads of its own on a port of 127.0.0.1. What it makes
    up comes from the seed: equal simulators have equal devices. A forked child can make clients of it; what happened to it
    only the process that started it can tell, and elsewhere that is a `RuntimeError`.

    Args:
        devices: How many devices there are.
        seed: Of devices, API key, churn, and faults by chance.
        port: The port to listen on; 0 is any free one.
        access: Whether the API key has access to KPN Things; without, every call is answered by 302.
        customers: The sub-customers, and how many devices each has; by default there is one with 3.
        token_life: Seconds that an access token lives.
        page_size_cap: Most devices on a page, however many are asked for.
        churn: Lets devices come and go between pages.
        faults: Faults from the start; see `kpn_things.testing`.

    Raises:
        ValueError: A fault is not written as one.
        OSError: The port cannot be had.
    """

    def __init__(
        self,
        *,
        devices: int = 100,
        seed: int = 0,
        port: int = 0,
        access: bool = True,
        customers: Mapping[str, int] | None = None,
        token_life: float = 3600.0,
        page_size_cap: int | None = None,
        churn: Churn | tuple[int, int, int] | None = None,
        faults: Iterable[str] = (),
    ) -> None:
        if isinstance(faults, str):
            raise TypeError("faults is a str: give a list of them")
        self._native = _Simulator(
            devices=devices,
            seed=seed,
            port=port,
            access=access,
            customers=None if customers is None else dict(customers),
            token_life=token_life,
            page_size_cap=page_size_cap,
            churn=churn,
            faults=list(faults),
        )

    @property
    def url(self) -> str:
        """Where it is: the base URL of GRIP and of the API alike."""
        return self._native.url

    def environment(self) -> dict[str, str]:
        """The environment variables that point a client at it, secret included."""
        return self._native.environment()

    def postman_environment(self) -> str:
        """The same as the text of a Postman environment file."""
        return self._native.postman_environment()

    def client(self, **options: Unpack[Options]) -> Client:
        """A blocking client of it.

        Args:
            options: Options of `Client`.
        """
        return Client.from_env(self.environment(), **options)

    def async_client(self, **options: Unpack[Options]) -> AsyncClient:
        """A client of it for asyncio.

        Args:
            options: Options of `AsyncClient`.
        """
        return AsyncClient.from_env(self.environment(), **options)

    def add_fault(self, fault: str) -> None:
        """Adds a fault, whose calls are counted from now on.

        Args:
            fault: Written as `ROUTE[@WHEN]=FAULT`, such as `downlinks@1=drop-after`; see `kpn_things.testing`.
        """
        self._native.add_fault(fault)

    def clear_faults(self) -> None:
        """Takes all faults away."""
        self._native.clear_faults()

    def revoke_tokens(self) -> None:
        """Revokes all access tokens issued so far."""
        self._native.revoke_tokens()

    def forget_context_switches(self) -> None:
        """Forgets all context switches: a call for a sub-customer is answered by 403 until it is switched to again."""
        self._native.forget_context_switches()

    def add_device(
        self,
        name: str = "",
        *,
        uuid: str | None = None,
        description: str = "",
        metadata: Any = None,
        device_specification_uuid: str | None = None,
        barcode: str | None = None,
        **extra: Any,
    ) -> str:
        """Adds a device, in place of one of the same uuid, and gives its uuid.

        Args:
            name: Its name, which need not be unique.
            uuid: Its id; made up if not given.
            description: Its description.
            metadata: Any plain data.
            device_specification_uuid: The id of the kind of device.
            barcode: Its barcode.
            extra: Further fields, under the service's own names.
        """
        known = {
            "name": name,
            "uuid": uuid,
            "description": description,
            "metadata": metadata,
            "deviceSpecificationUUID": device_specification_uuid,
            "barcode": barcode,
        }
        return self._native.add_device(json.dumps({**extra, **known}, allow_nan=False))

    def remove_device(self, uuid: str) -> bool:
        """Removes a device; `False` if there is none of this uuid.

        Args:
            uuid: Its id.
        """
        return self._native.remove_device(uuid)

    @property
    def device_count(self) -> int:
        """How many devices there are now."""
        return self._native.device_count

    @property
    def customers(self) -> tuple[str, ...]:
        """The ids of the sub-customers."""
        return tuple(self._native.customers)

    @property
    def downlinks(self) -> tuple[ReceivedDownlink, ...]:
        """The downlinks that it accepted so far, oldest first."""
        return tuple(
            ReceivedDownlink(
                records=tuple(downlink["records"]),
                port=downlink["port"],
                external_reference=downlink["external_reference"],
                customer_id=downlink["customer"],
            )
            for downlink in self._native.downlinks()
        )

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The newest 1,000 requests that it received, oldest first, those for tokens included."""
        return tuple(
            ReceivedRequest(request["method"], request["target"], tuple(request["headers"]))
            for request in self._native.requests()
        )

    def calls(self, route: Literal["token", "devices", "downlinks", "context-switch", "other"] | None = None) -> int:
        """How many requests it received so far, answered or not.

        Args:
            route: Of one route alone.
        """
        return self._native.calls(route)

    def stop(self) -> None:
        """Closes the port and every connection, stalled ones too."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Simulator(url={self.url!r})"

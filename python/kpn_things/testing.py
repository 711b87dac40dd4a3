"""KPN Things and its identity service GRIP on this machine, for tests that need no account and no network.

    from kpn_things.testing import Simulator

    with Simulator(devices=50, faults=["downlinks@1=status:503,Retry-After:0"]) as simulator:
        client = simulator.client()
        client.send_downlink("0059AC0000181EB6", b"\\x01\\x02", port=1)
        [downlink] = simulator.downlinks
        assert downlink.payload == b"\\x01\\x02"
        assert simulator.calls("downlinks") == 2

The pytest fixture `kpn_things_simulator` starts a simulator for each test and points `Client.from_env()` at it. The marker
`kpn_things` sets its options:

    import pytest

    @pytest.mark.kpn_things(devices=3, faults=["token=status:500"])
    def test_my_program(kpn_things_simulator):
        ...

A fault is written as `ROUTE[@WHEN]=FAULT`:

    ROUTE   `token`, `devices`, `downlinks`, `context-switch`, `ingestion`, `other`, or `any`; `uplink` has faults of its own
    WHEN    which calls of the route: `3`, `3-5`, `3-`, `every-10`, `5%`; default: all. Calls are counted from 1, from the
            moment the fault is added
    FAULT   `latency:20ms`                   delays the response by 20 ms
            `status:503[,Name:value]*`       replaces the response; the call has no effect; `,body:TEXT` adds a body
            `status-after:500[,Name:value]*` replaces the response; the call takes effect
            `drop-before`, `drop-after`      closes the connection without a response, before or after the call takes effect
            `stall`, `stall-after`           never responds, before or after the call takes effect
            `truncate:100`                   cuts the response off after 100 bytes of its body; the call takes effect
            `revoke`                         revokes all tokens before the call is processed
            `refuse:SHAPE[,STATUS]`          refuses the call without effect, as `spring`, `spring-errors`, `problem`, `oauth`,
                                             `challenge` (only `WWW-Authenticate`), or `html` (a firewall's page)
            `rate-limit:5/s`                 429 with `Retry-After` beyond five calls per `s`, `min` or `h`
            `gzip`, `gzip-unless-identity`   compresses the body, although the request did not ask for it
            `bom`                            puts a byte order mark in front of the body
            `utf-16`, `utf-16le`, `utf-16be` writes the body in UTF-16; only the first with a byte order mark
            `charset:NAME`                   adds `charset` to `Content-Type`
            `echo:header`, `echo:body`       repeats the request's secret headers and the key's secret

The route `uplink` is the posts of uplinks, retries included. Its faults are:

            `wrong-secret`                   computes the token with another secret
            `altered-body`                   changes one byte of the body after the token was computed
            `doubled-header`                 sends the token twice
            `no-header`                      sends no token
            `duplicate`                      posts a delivered message once more

A change of the devices is written as `WHEN=CHANGE`. WHEN counts the requests that list the account's own devices, and the
change is made just before them:

    CHANGE  `add:2`, `remove:2`, `rename:2`  adds, removes or renames two devices; the seed decides which
            `return:2`                       adds two removed devices again
            `skip:2`                         removes two devices, and adds them again before the next list request
            `add-device:UUID,NAME`           adds this device
            `remove-device:UUID[,UUID]*`     removes these devices
            `rename-device:UUID,NAME`        renames this device
            `return-device:UUID[,UUID]*`     adds these removed devices again

A quirk is a difference of the list of devices from the documented one, or a choice where the current API is unknown:

    `shuffled-ties`                          devices with equal sort keys are in another order in each response
    `shared-names:5`                         each generated name belongs to five devices
    `sort-by-uuid:refused` or `:ignored`     `sortBy=uuid` gets a 400, or sorts by name
    `sort-order:ignored`                     `sortOrder=DESC` has no effect
    `sort-echo:absent`                       the field `sort`: `array`, `object`, `null`, `absent`, or `requested`, which
                                             names the requested order even if it was ignored
    `page-size-limit:1000`                   a larger `pageSize` gets a 400
    `silent-page-size-cap:25`                at most 25 devices per page, but no field says so
    `totals:stale`                           totals follow from a wrong count: `stale`, `random`, `fewer`, `more`
    `envelope:paged-model`                   the JSON around the devices: `sample`, `page-impl`, `paged-model`, `hateoas`,
                                             `slice`, `no-totals`, `content-only`
    `numbers:text` or `:float`               how the envelope writes numbers
    `empty-page:1`                           the second page lists no devices
    `next-field:links`                       the field that links to the next page of the current API: `next`, `next-page`,
                                             `links`, `hal`
    `next-link:cursor`                       the form of that link: `url`, `path`, `query`, `cursor`, `port-8080`, which is a
                                             URL on another port, or `bare-port-8080`, the same without a cursor
    `next-loop`                              the last page of the current API links to the first one
    `empty-items:1`                          the second page of the current API has no items
    `current-errors:gateway`                 the errors of the current API: `problem`, `gateway`, `camara`, `spring`
    `current-token:401`                      the current API rejects a token with 401 instead of 302
    `downlink-progress:reads-3`              a guess of when a downlink ends: `at-once` (it has ended), `after-2s` (2 s
                                             in each of two states), `reads-3` (listed three times in each of them)
    `sunset`, `deprecation`                  each response has this header
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from ._arguments import count, number, pairs, path_text, payload_bytes, text, texts, whole
from ._async_client import AsyncClient
from ._client import Client
from ._native import Simulator as _Simulator
from ._options import AsyncOptions, Options, Payload
from ._typing import Self, Unpack
from ._uplinks import MeasuredValue, PostedUplink, ReceivedPack, UplinkAttempt, posted_uplink, specification

__all__ = ["PostedUplink", "ReceivedDownlink", "ReceivedPack", "ReceivedRequest", "Simulator", "UplinkAttempt"]


@dataclass(frozen=True)
class ReceivedDownlink:
    """A downlink that the simulator accepted. Its `repr` does not show the payload."""

    records: tuple[dict[str, Any], ...] = field(repr=False, hash=False)
    """The SenML records of its body."""

    port: int | None
    """The LoRa port."""

    external_reference: str | None
    """The reference that the sender chose."""

    customer_id: str | None
    """The sub-customer of the device."""

    @property
    def device(self) -> str | None:
        """The base name of the first record, such as `urn:dev:DEVEUI:0059AC0000181EB6:`."""
        return next((record["bn"] for record in self.records if "bn" in record), None)

    @property
    def dev_eui(self) -> str | None:
        """The DevEUI, if the base name contains one."""
        device, urn = self.device or "", "urn:dev:DEVEUI:"
        return device.removeprefix(urn).removesuffix(":") if device.startswith(urn) else None

    @property
    def payload(self) -> bytes | None:
        """The payload for a LoRa device; `None` if no record has one."""
        texts = (record.get("vs") for record in self.records if record.get("n") == "payloadHex")
        return next((bytes.fromhex(text) for text in texts if text is not None), None)


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that the simulator received, whether it responded or not. Tokens and secrets are masked."""

    method: str
    """The HTTP method."""

    target: str
    """Path and query as received, still percent-encoded."""

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Names and values as received."""

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query, decoded."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        """The value of the first header with this name, ignoring case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Simulator:
    """KPN Things and GRIP on this machine. It keeps state, enforces KPN's documentation, and fails on demand.

    It runs until `stop` or the end of `with`, in its own threads, on a port of 127.0.0.1. Everything it generates comes from
    the seed: simulators with equal options have equal devices. A forked child can create clients for it. Only the process
    that started it can read what it received; other processes get a `RuntimeError`.

    Args:
        devices: The number of generated devices, at most 5,000,000. Default: 100, or none with `device_file`.
        device_file: A file of devices, which `things devices list --ndjson` wrote. Every field is kept.
        strict_devices: Whether a downlink to a DevEUI that no device has gets a 404.
        seed: The seed of devices, API key, changes, and faults by chance.
        port: The port to listen on; 0 is any free port.
        access: Whether the API key has access to KPN Things. Without access, every call gets a 302.
        customers: The ids of the sub-customers, with the number of devices of each. Default: one with 3 devices.
        token_life: The lifetime of an access token in seconds.
        page_size_cap: The most devices per page, even if more are requested.
        changes: Changes of the devices from the start; see `kpn_things.testing`.
        quirks: Differences of the list of devices from the documented one; see `kpn_things.testing`.
        faults: Faults from the start; see `kpn_things.testing`.
        uplink_to: The URL to post uplinks to, with `uplink_secret`. `post_uplinks_to` sets it later.
        uplink_secret: The secret that signs uplinks.
        uplink_rate: Posts uplinks of random devices at this rate, such as `5/s` or `100/min`.
        uplink_answers: Whether a device answers a downlink by an uplink of the same content.
        uplink_pause: The pause before the first retry of an uplink in seconds. The second pause is twice as long. The
            pauses of KPN Things are unknown.
        own_devices: The UUIDs of devices of your own, with the secret of each: 30 to 100 letters and digits. Default: one
            device from the seed.

    Raises:
        ValueError: The text of a fault, change or quirk is wrong: the message marks the wrong part. A line of `device_file`
            is wrong: the message names it. There are too many devices. The URL or a secret cannot be used.
        OSError: The port is taken.
    """

    def __init__(
        self,
        *,
        devices: int | None = None,
        device_file: str | os.PathLike[str] | None = None,
        strict_devices: bool = False,
        seed: int = 0,
        port: int = 0,
        access: bool = True,
        customers: Mapping[str, int] | None = None,
        token_life: float = 3600.0,
        page_size_cap: int | None = None,
        changes: Iterable[str] = (),
        quirks: Iterable[str] = (),
        faults: Iterable[str] = (),
        uplink_to: str | None = None,
        uplink_secret: str | None = None,
        uplink_rate: str | None = None,
        uplink_answers: bool = True,
        uplink_pause: float = 1.0,
        own_devices: Mapping[str, str] | None = None,
    ) -> None:
        self._native = _Simulator(
            devices=whole("devices", devices),
            device_file=None if device_file is None else path_text("device_file", device_file),
            strict_devices=strict_devices,
            seed=seed,
            port=count("port", port),
            access=access,
            customers=None if customers is None else dict(customers),
            token_life=number("token_life", token_life),
            page_size_cap=whole("page_size_cap", page_size_cap),
            changes=texts("changes", changes),
            quirks=texts("quirks", quirks),
            faults=texts("faults", faults),
            uplink_to=None if uplink_to is None else text("uplink_to", uplink_to),
            uplink_secret=None if uplink_secret is None else text("uplink_secret", uplink_secret),
            uplink_rate=None if uplink_rate is None else text("uplink_rate", uplink_rate),
            uplink_answers=uplink_answers,
            uplink_pause=number("uplink_pause", uplink_pause),
            own_devices=pairs("own_devices", own_devices),
        )

    @property
    def url(self) -> str:
        """The base URL of both GRIP and the API."""
        return self._native.url

    def environment(self) -> dict[str, str]:
        """The environment variables that point a client at it, including the secret."""
        return self._native.environment()

    def postman_environment(self) -> str:
        """The same settings as a Postman environment file."""
        return self._native.postman_environment()

    def client(self, **options: Unpack[Options]) -> Client:
        """A blocking client for it.

        Args:
            options: Options of `Client`.
        """
        return Client.from_env(self.environment(), **options)

    def async_client(self, **options: Unpack[AsyncOptions]) -> AsyncClient:
        """An asyncio client for it.

        Args:
            options: Options of `AsyncClient`.
        """
        return AsyncClient.from_env(self.environment(), **options)

    def add_fault(self, fault: str) -> None:
        """Adds a fault. Its calls are counted from now on.

        Args:
            fault: A fault in the form `ROUTE[@WHEN]=FAULT`, such as `downlinks@1=drop-after`; see `kpn_things.testing`.

        Raises:
            ValueError: The text is wrong.
        """
        self._native.add_fault(text("fault", fault))

    def add_change(self, change: str) -> None:
        """Adds a change of the devices. Its list requests are counted from now on.

        Args:
            change: A change in the form `WHEN=CHANGE`, such as `every-10=remove:2`; see `kpn_things.testing`.

        Raises:
            ValueError: The text is wrong.
        """
        self._native.add_change(text("change", change))

    def remove_fault(self, fault: str) -> bool:
        """Removes one fault. Returns `False` if there is none like it.

        Args:
            fault: The fault as it was added.

        Raises:
            ValueError: The text is wrong.
        """
        return self._native.remove_fault(text("fault", fault))

    def clear_faults(self) -> None:
        """Removes all faults."""
        self._native.clear_faults()

    def revoke_tokens(self) -> None:
        """Revokes all access tokens issued so far."""
        self._native.revoke_tokens()

    def forget_context_switches(self) -> None:
        """Forgets all context switches. Calls for a sub-customer get 403 until the client switches again."""
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
        """Adds a device and returns its uuid. A device with the same uuid is replaced.

        Args:
            name: The name; it does not have to be unique.
            uuid: The id; generated if omitted.
            description: The description.
            metadata: Any value that JSON can hold.
            device_specification_uuid: The id of the kind of device.
            barcode: The barcode.
            extra: More fields, with the service's field names.
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
        """Removes a device. Returns `False` if there is none with this uuid.

        Args:
            uuid: The id.
        """
        return self._native.remove_device(text("uuid", uuid))

    @property
    def device_count(self) -> int:
        """The number of devices."""
        return self._native.device_count

    @property
    def customers(self) -> tuple[str, ...]:
        """The ids of the sub-customers."""
        return tuple(self._native.customers)

    @property
    def downlinks(self) -> tuple[ReceivedDownlink, ...]:
        """The downlinks it accepted so far, oldest first."""
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
        """The newest 1,000 requests it received, oldest first, including requests for tokens."""
        return tuple(
            ReceivedRequest(request["method"], request["target"], tuple(request["headers"]))
            for request in self._native.requests()
        )

    def calls(
        self, route: Literal["token", "devices", "downlinks", "context-switch", "ingestion", "other"] | None = None
    ) -> int:
        """The number of requests it received so far, whether it responded or not.

        Args:
            route: Count only this route.
        """
        return self._native.calls(route)

    def post_uplinks_to(
        self,
        url: str | None,
        secret: str = "",
        *,
        plug_uuid: str | None = None,
        headers: Mapping[str, str] | None = None,
        pause: float = 1.0,
    ) -> None:
        """Posts the coming uplinks to this destination.

        Args:
            url: The URL, which begins with `https://` or `http://`; `None` posts them nowhere.
            secret: The secret that signs uplinks.
            plug_uuid: The value of `Things-Plug-UUID`. Default: a UUID that depends on the URL.
            headers: More headers.
            pause: The pause before the first retry in seconds. The second is twice as long.

        Raises:
            ValueError: The URL, the secret or a header cannot be used.
        """
        self._native.post_uplinks_to(
            None if url is None else text("url", url),
            text("secret", secret),
            None if plug_uuid is None else text("plug_uuid", plug_uuid),
            pairs("headers", headers),
            number("pause", pause),
        )

    def post_uplink(
        self,
        device: str,
        payload: Payload | None = None,
        *,
        port: int | None = None,
        radio: bool = False,
        measurements: Mapping[str, MeasuredValue | tuple[MeasuredValue, str]] | None = None,
        location: Mapping[str, Any] | None = None,
        time: float | None = None,
        shape: Literal["base-record", "first-measurement"] = "base-record",
        numbers: Literal["java", "plain", "text"] = "java",
    ) -> PostedUplink:
        """Posts an uplink as KPN Things does. Returns it as soon as it was delivered or discarded.

        It blocks until then. A receiver that runs in the same event loop needs `await asyncio.to_thread(...)`.

        Args:
            device: The DevEUI, the IMEI, the UUID, or a base name that begins with `urn:`.
            payload: The payload of a LoRa device.
            port: Its LoRa port.
            radio: Whether records with generated metadata of the LoRa network follow, such as `FCntUp` and `LrrRSSI`.
            measurements: Decoded measurements: each name with its value, or with a value and its unit.
            location: `latitude` and `longitude`, and optionally `radius`, `method`, `accuracy`, `time` (in seconds),
                `time_as_text` (for the older form of `locTime`) and `origin`.
            time: The base time in seconds since 1970. Default: now.
            shape: Whether the base values are in a record of their own, or in that of the first measurement.
            numbers: How numbers are written: as Java writes a double, without exponents, or in `vs` as text.

        Raises:
            ValueError: There is no destination, or the content is wrong.
        """
        spec = specification(device, payload, port, radio, measurements, location, time, shape, numbers)
        return posted_uplink(self._native.post_uplink(spec))

    def post_uplink_body(self, body: str) -> PostedUplink:
        """Posts a body of your own unchanged. Returns it as soon as it was delivered or discarded.

        Args:
            body: The body. It need not be SenML.

        Raises:
            ValueError: There is no destination.
        """
        return posted_uplink(self._native.post_uplink(json.dumps({"body": text("body", body)})))

    def wait_for_uplinks(self, number_of: int, timeout: float = 10.0) -> bool:
        """Waits until so many uplinks were delivered or discarded. Returns `False` if they were not in time.

        Args:
            number_of: The number of uplinks since the start.
            timeout: The longest wait in seconds.
        """
        return self._native.wait_for_uplinks(count("number_of", number_of), number("timeout", timeout))

    @property
    def uplinks(self) -> tuple[PostedUplink, ...]:
        """The newest 10,000 uplinks it posted, oldest first."""
        return tuple(posted_uplink(uplink) for uplink in self._native.uplinks())

    @property
    def own_devices(self) -> dict[str, str]:
        """The UUIDs of devices of your own, with the secret of each."""
        return self._native.own_devices()

    def set_downlink_in_response(self, uuid: str, payload: Payload) -> bool:
        """Sets the downlink in the response to the next pack of a device of your own. Returns `False` if there is none with
        this UUID.

        Args:
            uuid: The UUID of the device.
            payload: The bytes of the response.
        """
        return self._native.set_downlink_in_response(text("uuid", uuid), payload_bytes(payload))

    @property
    def packs(self) -> tuple[ReceivedPack, ...]:
        """The newest 10,000 packs of devices of your own that it accepted, oldest first."""
        return tuple(
            ReceivedPack(pack["device"], tuple(pack["records"]), pack["body"], pack["downlink"])
            for pack in self._native.packs()
        )

    def stop(self) -> None:
        """Closes the port and every connection, including stalled ones."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Simulator(url={self.url!r})"

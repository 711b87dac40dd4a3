"""The differences between two listings."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from ._client import Devices, VerifiedDevices
from ._native import Device, Fleet, check_same_subject, read_listing
from ._native import diff_devices as compare


class FieldChange(NamedTuple):
    """A field of a device with different values in two listings."""

    name: str
    """The service's own name of the field."""

    old: Any
    """The value in the old listing, as plain Python data. `None` if the device had no such field."""

    new: Any
    """The value in the new listing, as plain Python data. `None` if the device has no such field."""


class DeviceChange(NamedTuple):
    """A device with different fields in two listings."""

    old: Device
    """The device in the old listing."""

    new: Device
    """The device in the new listing."""

    fields: tuple[FieldChange, ...]
    """The fields that differ."""


class DeviceDiff(NamedTuple):
    """The differences between two listings. It is true if there are any."""

    added: tuple[Device, ...]
    """The devices that only the new listing has. They are new only if the old listing is proven complete."""

    changed: tuple[DeviceChange, ...]
    """The devices whose fields differ."""

    removed: tuple[Device, ...]
    """The devices that only the old listing has, if the new listing is proven complete."""

    not_listed: tuple[Device, ...]
    """The devices that only the old listing has, if the new listing is not proven complete. They may still exist."""

    old_doubt: str | None = None
    """Why the old listing does not prove that it is complete. `None` if it does."""

    new_doubt: str | None = None
    """Why the new listing does not prove that it is complete. `None` if it does."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.not_listed)

    def __repr__(self) -> str:
        counts = ("added", "changed", "removed", "not_listed")
        return f"<DeviceDiff: {', '.join(f'{len(getattr(self, name))} {name}' for name in counts)}>"


def diff_devices(
    old: Devices | VerifiedDevices | Iterable[Device] | str | os.PathLike[str],
    new: Devices | VerifiedDevices | Iterable[Device] | str | os.PathLike[str],
) -> DeviceDiff:
    """Compares two listings of devices.

        diff = diff_devices("monday.ndjson", client.devices().verified())
        for device in diff.removed:
            print("gone:", device.name)

    Devices are matched by their `uuid`, and compared field by field, including `metadata` and undocumented fields. The order
    of keys, whitespace and escapes make no difference. Numbers are compared as they are written: `1.0` and `1` differ.

    A device that the new listing lacks is in `removed` only if that listing is proven complete. Otherwise it is in
    `not_listed`: it may still exist. A proof has `devices().verified()`, a `Fleet` that it collected, and a file that
    `things devices list --ndjson --with-proof` wrote. With a `search`, a removed device may only have stopped matching.

    Args:
        old: The listing to start from: a file, a listing of a client, a `Fleet`, or devices.
        new: The listing to compare with it, as one of the same.

    Raises:
        IncompleteError: A listing by `verified` cannot be proven complete.
        InputError: A line of a file is not a device, a device occurs twice in a listing, or the listings have different base
            URLs, searches or customers.
        KpnThingsError: A listing failed.
        OSError: A file cannot be read.
        TypeError: An argument is neither of these.
    """
    before, after = _Side("old", old), _Side("new", new)
    if before.subject is not None and after.subject is not None:
        check_same_subject(before.subject, after.subject)
    old_devices, new_devices = before.devices(), after.devices()
    added, removed, not_listed, olds, news, fields = compare(old_devices, new_devices, after.doubt is None)
    changed = (
        DeviceChange(one, other, tuple(FieldChange(*field) for field in differing))
        for one, other, differing in zip(olds, news, fields, strict=True)
    )
    return DeviceDiff(added, tuple(changed), removed, not_listed, before.doubt, after.doubt)


diff_devices.__module__ = "kpn_things"


class _Side:
    """One of the two listings. A listing of a client begins when its devices are read."""

    def __init__(self, name: str, source: Any) -> None:
        self._name = name
        self._source = source
        self.subject: tuple[str, str | None, str | None] | None = None
        self.doubt: str | None = "it is not a listing by verified()"
        if isinstance(source, (str, os.PathLike)):
            self._source, self.subject, self.doubt = read_listing(os.fspath(source))
        elif isinstance(source, (Devices, VerifiedDevices)):
            self.subject = source._caller.subject(source._query)
        elif isinstance(source, Device) or not hasattr(source, "__iter__"):
            hint = "await its collect()" if hasattr(source, "__aiter__") else "pass a file, a listing or devices"
            raise TypeError(f"{name} is of type {type(source).__name__}: {hint}")

    def devices(self) -> list[Device]:
        """Reads the devices."""
        source = self._source
        if isinstance(source, (Devices, VerifiedDevices)):
            source = source.collect()
        if isinstance(source, Fleet) and source.proof is not None:
            self.doubt = None
        devices = list(source)
        for device in devices:
            if not isinstance(device, Device):
                raise TypeError(f"{self._name} holds a {type(device).__name__}: pass devices")
        return devices

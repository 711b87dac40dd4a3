"""What the simulator posts to a destination, and what devices of your own post to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ._arguments import payload_bytes, text, to_json
from ._options import Payload

MeasuredValue: TypeAlias = float | bool | str | bytes


@dataclass(frozen=True)
class UplinkAttempt:
    """One post of an uplink."""

    status: int | None
    """The status of the response; `None` if there was no response."""

    error: str | None
    """Why there was no response."""

    faults: tuple[Literal["wrong-secret", "altered-body", "doubled-header", "no-header", "duplicate"], ...]
    """The faults that applied."""

    duplicate: bool
    """Whether this is the duplicate of a delivered message."""


@dataclass(frozen=True)
class PostedUplink:
    """An uplink, and the posts that it took so far. Its `repr` does not show the body."""

    number: int
    """The number of the uplink. The first is 1."""

    device: str | None
    """The base name of its first record, such as `urn:dev:DEVEUI:0059AC0000181EB6:`."""

    body: bytes = field(repr=False)
    """The body, before any fault."""

    attempts: tuple[UplinkAttempt, ...]
    """The posts, in order."""

    outcome: Literal["pending", "delivered", "discarded"]
    """`delivered` after a 2xx, `discarded` after three posts without one, and `pending` before that."""

    @property
    def statuses(self) -> tuple[int | None, ...]:
        """The statuses of the responses, in order."""
        return tuple(attempt.status for attempt in self.attempts)


@dataclass(frozen=True)
class ReceivedPack:
    """A pack of a device of your own that the simulator accepted. Its `repr` shows no values."""

    device: str
    """The UUID of the device."""

    records: tuple[dict[str, Any], ...] = field(repr=False, hash=False)
    """The SenML records of its body."""

    body: bytes = field(repr=False)
    """The body as received."""

    downlink: bytes | None = field(repr=False)
    """The downlink in the response."""


def posted_uplink(uplink: dict[str, Any]) -> PostedUplink:
    """Returns an uplink of the native simulator."""
    attempts = tuple(
        UplinkAttempt(attempt["status"], attempt["error"], tuple(attempt["faults"]), attempt["duplicate"])
        for attempt in uplink["attempts"]
    )
    return PostedUplink(uplink["number"], uplink["device"], uplink["body"], attempts, uplink["outcome"])


def specification(
    device: str,
    payload: Payload | None,
    port: int | None,
    radio: bool,
    measurements: Mapping[str, MeasuredValue | tuple[MeasuredValue, str]] | None,
    location: Mapping[str, Any] | None,
    time: float | None,
    shape: str,
    numbers: str,
) -> str:
    """Returns an uplink as JSON, which the native simulator reads."""
    spec = {
        "device": text("device", device),
        "payload": None if payload is None else payload_bytes(payload).hex(),
        "port": port,
        "radio": radio,
        "measurements": [_measurement(name, value) for name, value in (measurements or {}).items()],
        "location": None if location is None else dict(location),
        "time": time,
        "shape": shape,
        "numbers": numbers,
    }
    return to_json(spec, "the uplink")


def _measurement(name: str, value: Any) -> dict[str, Any]:
    value, unit = value if isinstance(value, tuple) else (value, None)
    if isinstance(value, (bytes, bytearray, memoryview)):
        from base64 import urlsafe_b64encode  # here, because few uplinks have such a value

        value = {"data": urlsafe_b64encode(value).rstrip(b"=").decode()}
    return {"name": name, "unit": unit, "value": value}

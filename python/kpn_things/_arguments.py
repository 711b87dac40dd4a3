"""What the methods of both clients take, as the native part takes it."""

from __future__ import annotations

from .errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._options import Number, Pairs, Payload
    from .errors import KpnThingsError


def payload_bytes(payload: Payload, name: str = "payload") -> bytes:
    """The bytes of a payload; a text has to be decoded by who knows how."""
    if isinstance(payload, str):
        raise TypeError(f"{name} is a str: give bytes, such as bytes.fromhex('0102') or text.encode()")
    try:
        return bytes(memoryview(payload))
    except TypeError:
        raise TypeError(f"{name} is of type {type(payload).__name__}: give bytes") from None


def whole(name: str, number: Number, refusal: type[KpnThingsError] = InputError) -> Number:
    """A number of things, if it is given: what cannot be counted is refused here, the core says what it takes."""
    if number is None:
        return number
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"{name} is of type {type(number).__name__}: give an int")
    if number.__index__() < 0:
        raise refusal(f"{name} is negative")
    if number.__index__() >= 2**32:
        raise refusal(f"{name} is too large")
    return number


def text(name: str, value: object) -> str:
    """A text, if it is one."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is of type {type(value).__name__}: pass a str")
    return value


def number(name: str, value: Any) -> float:
    """A number of seconds. A number that no float can hold is longer than any time."""
    if isinstance(value, bool) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        raise TypeError(f"{name} is of type {type(value).__name__}: pass a number of seconds")
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def to_json(value: object) -> str:
    """JSON as the service takes it: NaN is none."""
    import json  # here, for it costs a third of the time of our import

    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        text.encode()
    except ValueError as error:
        raise InputError(f"what was given cannot be written as JSON: {error}") from error
    return text


def pairs(name: str, values: Pairs | None) -> list[tuple[str, str]]:
    """Names and values, as texts; what is `None` is not given."""
    if values is None:
        return []
    if isinstance(values, str):
        raise TypeError(f"{name} is a str: give a mapping, or pairs of a name and a value")
    items = values.items() if hasattr(values, "items") else values
    return [(key, _text(f"{name}[{key!r}]", value)) for key, value in items if value is not None]


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return float.__repr__(value)
    if hasattr(value, "__index__"):
        return int.__repr__(value.__index__())
    raise TypeError(f"{name} is of type {type(value).__name__}: give a str or a number, and pairs where there are several")


def body(
    json_value: object, content: Payload | None, headers: Pairs | None
) -> tuple[bytes | None, list[tuple[str, str]]]:
    """The body of a raw call, and its headers."""
    fields = pairs("headers", headers)
    if json_value is not None and content is not None:
        raise TypeError("give json or content, not both")
    if json_value is not None:
        return to_json(json_value).encode(), fields
    if content is not None:
        return payload_bytes(content, "content"), fields
    return None, fields

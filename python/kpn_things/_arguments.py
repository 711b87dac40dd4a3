"""Checks and converts the arguments of both clients, for the native part.

An argument of a wrong type is a `TypeError` that names the argument and suggests what to pass instead. Python 3.10 drops
what pyo3 adds to its own errors, so no argument is left for pyo3 to check.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ._native import Device
from ._options import Number, Pairs, Params, Payload
from .errors import InputError, KpnThingsError


def text(name: str, value: object) -> str:
    """Returns a text."""
    if not isinstance(value, str):
        raise TypeError(f"{_type(name, value)}: {_instead_of_text(name, value)}")
    return _unicode(name, value)


def texts(name: str, values: Any) -> list[str]:
    """Returns several texts."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{_type(name, values)}: pass a list of str")
    return [text(f"{name}[{place}]", value) for place, value in enumerate(values)]


def path_text(name: str, path: Any) -> str:
    """Returns the path of a file. A number would be a file that is open already."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{_type(name, path)}: pass the path of a file") from None


def method_name(value: object) -> str:
    """Returns the name of an HTTP method, in upper case."""
    method = text("method", value)
    return method.upper() if method.isascii() else method


def payload_bytes(payload: Payload, name: str = "payload") -> bytes:
    """Returns the bytes of a payload."""
    try:
        return bytes(memoryview(payload))
    except TypeError:
        raise TypeError(f"{_type(name, payload)}: {_instead_of_bytes(name, payload)}") from None


def whole(name: str, number: Number, refusal: type[KpnThingsError] = InputError) -> Number:
    """Returns a count or `None`. The core checks its range."""
    return number if number is None else count(name, number, refusal)


def count(name: str, number: Number, refusal: type[KpnThingsError] = InputError) -> Number:
    """Returns a count. The core checks its range."""
    if number is None or isinstance(number, bool) or not hasattr(number, "__index__"):
        like = isinstance(number, (str, float)) and not isinstance(number, bool)
        raise TypeError(f"{_type(name, number)}: pass an int" + (f", such as int({name})" if like else ""))
    if number.__index__() < 0:
        raise refusal(f"{name} is negative")
    if number.__index__() >= 2**32:
        raise refusal(f"{name} is too large")
    return number


def number(name: str, value: Any) -> float:
    """Returns seconds. An integer too large for a float counts as infinite."""
    if isinstance(value, bool) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        like = f", such as {name}.total_seconds()" if hasattr(value, "total_seconds") else ""
        raise TypeError(f"{_type(name, value)}: pass a number of seconds{like}")
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def to_json(value: object, name: str = "records") -> str:
    """Returns JSON without NaN, which the service does not read."""
    import json  # here, because it takes a third of the time of our import

    if name == "records" and not isinstance(value, (list, tuple)):
        raise TypeError(f"{_type(name, value)}: {_instead_of_records(name, value)}")
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        text.encode()
    except TypeError as error:
        raise TypeError(f"{name} cannot be written as JSON: {error}") from error
    except ValueError as error:
        raise InputError(f"{name} cannot be written as JSON: {error}") from error
    except RecursionError as error:
        raise InputError(f"{name} cannot be written as JSON: it is nested too deeply") from error
    return text


def pairs(name: str, values: Params | None, several: bool = False) -> list[tuple[str, str]]:
    """Returns names and values as texts, without those that are `None`. A sequence holds several values of one
    name, where `several` are allowed."""
    if values is None:
        return []
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{_type(name, values)}: pass a mapping, or pairs of a name and a value")
    items: Any = values.items() if hasattr(values, "items") else values
    try:
        items = [(key, value) for key, value in items]
    except (TypeError, ValueError):
        raise TypeError(f"{_type(name, values)}: pass a mapping, or pairs of a name and a value") from None
    return [
        (text(f"a name in {name}", key), _scalar(where, one))
        for key, value in items
        for where, one in _values(f"{name}[{key!r}]", value, several)
        if one is not None
    ]


def body(
    json_value: object, content: Payload | None, headers: Pairs | None
) -> tuple[bytes | None, list[tuple[str, str]]]:
    """Returns the body of a raw call, and its headers."""
    fields = pairs("headers", headers)
    if json_value is not None and content is not None:
        raise TypeError("json and content are both given: pass one of them")
    if json_value is not None:
        return to_json(json_value, "json").encode(), fields
    if content is not None:
        return payload_bytes(content, "content"), fields
    return None, fields


def _values(name: str, value: object, several: bool) -> Iterator[tuple[str, object]]:
    if several and isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        yield from ((f"{name}[{place}]", one) for place, one in enumerate(value))
    else:
        yield name, value


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _unicode(name, value)
    if _is_decimal(value):
        return format(value, "f")
    if hasattr(value, "__index__"):
        return int.__repr__(value.__index__())
    if hasattr(value, "__float__"):
        return float.__repr__(float(value))
    instead = ", such as value.isoformat()" if hasattr(value, "isoformat") else ""
    raise TypeError(f"{_type(name, value)}: pass a str or a number{instead}")


def _is_decimal(value: object) -> bool:
    """Whether this is a `Decimal`. The module is not imported here, because that takes a tenth of the time of our import."""
    decimal = sys.modules.get("decimal")
    return decimal is not None and isinstance(value, decimal.Decimal)


def _unicode(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{name} is not Unicode: it has half of a surrogate pair at position {error.start + 1}") from None
    return text


def _type(name: str, value: object) -> str:
    return f"{name} is None" if value is None else f"{name} is of type {type(value).__name__}"


def _instead_of_text(name: str, value: object) -> str:
    """Suggests how to convert the value to a text."""
    is_device = name in ("dev_eui", "device")
    match value:
        case None:
            return "pass a str; a missing environment variable or field is None"
        case bytes() | bytearray():
            return f"pass a str, such as {name}.hex()" if is_device else f"pass a str, such as {name}.decode()"
        case Device() if name == "device":
            return "pass a DevEUI or a URN, such as f'urn:dev:DVNUUID:{device.uuid}:'"
        case Device() if name == "dev_eui":
            return "pass its DevEUI, a str of 16 hex digits; the uuid of a device is not its DevEUI"
        case int() if is_device and not isinstance(value, bool):
            return f"pass a str of 16 hex digits, such as format({name}, '016X')"
        case float() if value != value:
            return "pass a str; an empty cell of a data frame is nan"
        case list() | tuple() | set():
            return "pass one str per call"
    if hasattr(value, "__fspath__"):
        return f"pass a str, such as {name}.as_posix()"
    return "pass a str"


def _instead_of_bytes(name: str, value: object) -> str:
    """Suggests how to convert the value to bytes."""
    match value:
        case str() if _is_hex(value):
            return f"pass bytes, such as bytes.fromhex({name}) for hex digits"
        case str():
            return f"pass bytes, such as {name}.encode() for a text"
        case list() | tuple():
            return f"pass bytes, such as bytes({name})"
        case int() if not isinstance(value, bool):
            return f"pass bytes, such as {name}.to_bytes(2, 'big')"
        case dict() if name == "payload":
            return "pass bytes; send_senml sends records"
        case dict():
            return "pass bytes; the argument json takes a dict"
    return "pass bytes"


def _is_hex(text: str) -> bool:
    try:
        return bool(bytes.fromhex(text))
    except ValueError:
        return False


def _instead_of_records(name: str, value: object) -> str:
    """Suggests how to convert the value to SenML records."""
    if isinstance(value, (str, bytes)):
        return f"pass a list of dict, such as json.loads({name}); send_downlink sends bytes"
    if hasattr(value, "__fspath__"):
        return f"pass a list of dict, such as json.loads({name}.read_text())"
    if isinstance(value, dict):
        return f"pass a list of dict, such as [{name}]"
    return "pass a list of dict"

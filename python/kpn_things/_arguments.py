"""What the methods of both clients take, as the native part takes it."""

from __future__ import annotations

from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Union

    from typing_extensions import Buffer

    Payload = Buffer
    Pairs = Union[Mapping[str, Any], Iterable[tuple[str, Any]]]
    Records = Sequence[Mapping[str, Any]]


def payload_bytes(payload: Payload) -> bytes:
    """The bytes of a payload; a text has to be decoded by who knows how."""
    if isinstance(payload, str):
        raise TypeError("payload is a str: give bytes, such as bytes.fromhex('0102') or text.encode()")
    return bytes(memoryview(payload))


def to_json(value: object) -> str:
    """JSON as the service takes it: NaN is none."""
    import json  # here, for it costs a third of the time of our import

    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)


def pairs(values: Pairs | None) -> list[tuple[str, str]]:
    """Names and values, as texts."""
    if values is None:
        return []
    items = values.items() if isinstance(values, Mapping) else values
    return [(name, _text(value)) for name, value in items]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def body(
    json_value: object, content: Payload | None, headers: Pairs | None
) -> tuple[bytes | None, list[tuple[str, str]]]:
    """The body of a raw call, and its headers."""
    if json_value is not None and content is not None:
        raise TypeError("give json or content, not both")
    if json_value is not None:
        return to_json(json_value).encode(), pairs(headers)
    if content is not None:
        return payload_bytes(content), pairs(headers)
    return None, pairs(headers)

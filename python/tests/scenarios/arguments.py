"""The arguments of the Python clients for each call of a scenario. Fields that are not given are omitted."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from kpn_things import RetryPolicy
from kpn_things._native import Config, TestClock, mask

from .outcome import SECRET
from .scenario import Call, Scenario

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""When the wall clock of every scenario starts."""

CLOSED = "http://127.0.0.1:1"
"""A local port without a listener."""


def config(scenario: Scenario, origin: str, clock: TestClock) -> Config:
    """The configuration of the client, for a server at `origin`."""
    client = scenario.client
    api = CLOSED if "api" in scenario.server.refuse else origin
    grip = CLOSED if "token" in scenario.server.refuse else origin
    options = _given(
        tenant_id="rjsfm52t",
        key_id="the-key-id",
        key_secret=SECRET,
        base_url=api + client.base_path,
        grip_base_url=None if client.token_path else grip,
        token_url=grip + client.token_path if client.token_path else None,
        customer_id=client.customer,
        security_context=client.security_context,
        timeout=_seconds(client.timeout_ms),
        attempt_timeout=_seconds(client.attempt_timeout_ms),
        max_attempts=client.attempts,
        max_body=client.max_body,
        max_pages=client.max_pages,
        retry=RetryPolicy(
            base_delay=client.base_delay_ms / 1000,
            max_delay=client.max_delay_ms / 1000,
            max_retry_after=client.max_retry_after_ms / 1000,
        ),
    )
    mask(options)
    return Config(options, clock=clock)


def listing(call: Call) -> dict[str, Any]:
    """Arguments of `devices`."""
    if call.timeout_ms is not None:
        raise NotImplementedError("a listing has no timeout of its pages, but one of its client")
    return _given(
        search=call.search,
        sort_by=call.sort_by,
        descending={"ASC": False, "DESC": True, None: None}[call.sort_order],
        page_size=call.page_size,
        first_page=call.first_page,
        window=call.window,
        deadline=_seconds(call.listing_deadline_ms),
        strict=call.strict,
    )


def items(call: Call) -> tuple[str, dict[str, Any]]:
    """The method of `current` for the resource, and its arguments."""
    path = (call.path or "").strip("/")
    kind, _, rest = path.partition("/")
    method = f"{kind}_{rest}" if rest else kind.replace("-", "_")
    options: dict[str, Any] = {
        re.sub("(?<!^)(?=[A-Z])", "_", name).lower(): value for name, value in (call.query or {}).items()
    }
    if "limit" in options:
        options["limit"] = int(options["limit"])
    return method, options


def downlink(call: Call) -> dict[str, Any]:
    """Arguments of `send_downlink`."""
    return _given(dev_eui=call.dev_eui, payload=payload(call), **_delivery(call))


def payload(call: Call) -> bytes | str:
    """The bytes. A text that is not hexadecimal is returned as it is, for the client to refuse."""
    hexadecimal = call.payload or ""
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError:
        return hexadecimal


def senml(call: Call) -> dict[str, Any]:
    """Arguments of `send_senml`."""
    return _given(records=call.senml, device=call.device, **_delivery(call))


def downlinks(call: Call) -> dict[str, Any]:
    """Arguments of `send_downlinks`."""
    return _given(rows=[_row(row) for row in call.calls], window=call.window, rate=call.rate)


def _row(call: Call) -> dict[str, Any]:
    """A row of `send_downlinks`."""
    return _given(
        dev_eui=call.dev_eui,
        hex=call.payload,
        senml=call.senml,
        urn=call.device,
        port=call.port,
        reference=call.external_reference,
        customer=call.for_customer,
        not_after=None if call.not_after_ms is None else START + timedelta(milliseconds=call.not_after_ms),
    )


def request(call: Call) -> dict[str, Any]:
    """Arguments of `request`."""
    return _given(
        method=call.method,
        path=call.path,
        params=call.query,
        headers=call.headers,
        json=call.json,
        timeout=_seconds(call.timeout_ms),
    )


def context_switch(call: Call) -> dict[str, Any]:
    """Arguments of `context_switch`."""
    return _given(customer_id=call.customer, timeout=_seconds(call.timeout_ms))


def _delivery(call: Call) -> dict[str, Any]:
    return {
        "port": call.port,
        "external_reference": call.external_reference,
        "timeout": _seconds(call.timeout_ms),
    }


def _given(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000

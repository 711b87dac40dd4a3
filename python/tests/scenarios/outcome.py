"""The outcome of a call, as data to compare with a scenario."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from traceback import format_exception
from typing import Any

from kpn_things import (
    CustomerFleet,
    Device,
    DownlinkOutcomeUnknown,
    Fleet,
    IncompleteError,
    Item,
    KpnThingsError,
    Page,
    Receipt,
    Response,
    Sent,
)
from kpn_things.errors import _CLASSES

SECRET = 's3cr/et+=&%"é'
"""The secret of every scenario's API key. It contains characters that encodings change."""

_KINDS: dict[type[BaseException], str] = {
    error: re.sub("(?<!^)(?=[A-Z])", "_", kind).lower() for kind, error in _CLASSES.items()
}


@dataclass(frozen=True)
class Outcome:
    """The fields of a result or an error, and the milliseconds that the call took on the client's clock."""

    fields: dict[str, Any]
    failed: bool = False
    took_ms: int = 0


def devices(devices: Sequence[Device]) -> Outcome:
    """Devices from an iterator."""
    return Outcome(_devices(devices))


def pages(pages: Sequence[Page]) -> Outcome:
    """Pages, in order."""
    return Outcome({"pages": [_page(page) for page in pages]})


def fleet(fleet: Fleet) -> Outcome:
    """All devices at once."""
    report = {**fleet.report.to_dict(), "moved_totals": fleet.report.moved_totals and list(fleet.report.moved_totals)}
    return Outcome(
        {
            **_devices(fleet.devices),
            "pages": fleet.pages,
            "total_elements": fleet.total_elements,
            "report": report,
            "proof": fleet.proof and fleet.proof.to_dict(),
        }
    )


def customers(fleets: Sequence[CustomerFleet]) -> Outcome:
    """The fleets of several sub-customers."""
    return Outcome({"fleets": [_customer(item) for item in fleets]})


def _customer(item: CustomerFleet) -> dict[str, Any]:
    if item.devices is not None:
        return {"customer": item.customer, "ok": fleet(item.devices).fields}
    assert item.error is not None
    return {"customer": item.customer, "error": failure(item.error).fields}


def items(items: Sequence[Item]) -> Outcome:
    """Items from an iterator."""
    return Outcome({"items": [item.to_dict() for item in items]})


def receipt(receipt: Receipt) -> Outcome:
    """An accepted downlink."""
    fields = receipt.to_dict()
    return Outcome({**fields, **_body(fields["body"])})


def sent(items: Sequence[Sent], error: KpnThingsError | None = None) -> Outcome:
    """The downlinks of a run that ended, perhaps up to an error."""
    fields = {"sent": [_sent(item) for item in sorted(items, key=lambda item: item.index)]}
    return Outcome(fields) if error is None else Outcome({**failure(error).fields, **fields}, failed=True)


def _sent(item: Sent) -> dict[str, Any]:
    error = item.error and failure(item.error).fields
    return {
        "index": item.index,
        "outcome": item.outcome,
        "tries": item.tries,
        "external_reference": item.item.reference,
        "status": item.receipt.status if item.receipt else error and error["status"],
        "kind": error and error["kind"],
    }


def answer(response: Response) -> Outcome:
    """The response to a raw request."""
    try:
        body = response.json()
    except ValueError:
        body = response.text or None
    fields = {"status": response.status, "headers": dict(response.headers), "body": body, "attempts": response.attempts}
    return Outcome({**fields, "body_text": response.text})


def context_switch(body: Any) -> Outcome:
    """A separate context switch."""
    return Outcome(_body(body))


def failure(error: KpnThingsError, before: Sequence[Device] = ()) -> Outcome:
    """All fields of an error, with the names of the devices that were read before it."""
    incomplete = error if isinstance(error, IncompleteError) else None
    cause = (isinstance(error, DownlinkOutcomeUnknown) and error.__cause__) or error
    fields = {
        "kind": _KINDS[type(cause)],
        "stage": error.stage,
        "status": error.status,
        "outcome": error.outcome,
        "gave_up_because": error.gave_up_because,
        "external_reference": error.external_reference,
        "attempts": error.attempts,
        "retry_after_ms": None if error.retry_after is None else round(error.retry_after * 1000),
        "method": error.method,
        **_body(error.body),
        "why": incomplete and incomplete.why,
        "gaps": incomplete and [list(gap) for gap in incomplete.gaps],
        "text": f"{error}; {error.hint}" if error.hint else str(error),
        "leaks": _leaks(error),
        "names_before": [device.name for device in (incomplete.devices if incomplete else before)],
    }
    return Outcome(fields, failed=True)


def refusal(error: TypeError) -> Outcome:
    """A string instead of bytes. Python calls it a wrong type, and the scenarios call it a wrong input."""
    fields = {"kind": "input", "stage": "prepare", "attempts": 0, "text": str(error), "leaks": False}
    return Outcome(fields, failed=True)


def _leaks(error: KpnThingsError) -> bool:
    """Whether an error shows the secret or an access token. The access tokens of all scenarios start with `token-`."""
    body = str(_body(error.body)["body_text"])
    shown = [*format_exception(error), repr(error), repr(vars(error)), body]
    return any(hidden in text for hidden in (SECRET, "token-") for text in shown)


def _devices(devices: Sequence[Device]) -> dict[str, Any]:
    return {
        "count": len(devices),
        "names": [device.name for device in devices],
        "devices": [device.to_dict() for device in devices],
        "metadata": [_compact(device.metadata) for device in devices],
    }


def _page(page: Page) -> dict[str, Any]:
    return {
        "number": page.number,
        "size": page.size,
        "total_pages": page.total_pages,
        "total_elements": page.total_elements,
        "first": page.first,
        "last": page.last,
        "names": [device.name for device in page],
        "extra": page.extra,
    }


def _body(body: Any) -> dict[str, Any]:
    text = body.decode(errors="replace") if isinstance(body, bytes) else None
    return {"body": body if text is None else text, "body_text": _compact(body) if text is None else text}


def _compact(value: Any) -> str:
    """JSON in the compact form that a service writes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

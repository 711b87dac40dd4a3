"""Creates the calls of both clients from the arguments of their methods."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ._arguments import body, count, method_name, number, pairs, payload_bytes, text, texts, to_json, whole
from ._ledger import Ledger
from ._native import Bulk, BulkItem, Call, Page, Query, Receipt, Response
from ._options import Pairs, Params, Payload, Records, Row


def devices(
    search: str | None,
    sort_by: str | None,
    descending: bool | None,
    page_size: int | None,
    first_page: int,
    window: int,
    timeout: float | None,
    deadline: float | None,
    strict: bool,
) -> Query[Page]:
    """A listing of devices."""
    return Query.pages(
        optional_text("search", search),
        optional_text("sort_by", sort_by),
        None if descending is None else bool(descending),
        whole("page_size", page_size),
        count("first_page", first_page),
        count("window", window),
        seconds("timeout", timeout),
        seconds("deadline", deadline),
        bool(strict),
    )


def customer_ids(ids: Iterable[str]) -> list[str]:
    """The ids of several sub-customers. Their values are checked later."""
    return texts("customer_ids", ids)


def downlink(dev_eui: str, payload: Payload, port: int, external_reference: str | None) -> Call[Receipt]:
    """A downlink of bytes."""
    reference = optional_text("external_reference", external_reference)
    return Call.downlink(text("dev_eui", dev_eui), payload_bytes(payload), count("port", port), reference)


def senml(records: Records, device: str | None, port: int | None, external_reference: str | None) -> Call[Receipt]:
    """A downlink of SenML records."""
    reference = optional_text("external_reference", external_reference)
    return Call.senml(to_json(records), optional_text("device", device), whole("port", port), reference)


def bulk(
    rows: Iterable[Row | BulkItem],
    ledger: str | os.PathLike[str] | Ledger | None,
    not_after: datetime | str | None,
    source: str | None,
    options: dict[str, Any],
) -> Bulk:
    """A run of the downlinks of rows. All rows are checked here."""
    place = None if ledger is None else ledger_of(ledger)._place
    name = "Python" if source is None else text("source", source)
    return Bulk.rows(rows, not_after, place, name, options)


def rest_of(
    job: str, ledger: str | os.PathLike[str] | Ledger, again: bool, join: bool, options: dict[str, Any]
) -> Bulk:
    """A run of the downlinks that a job has left."""
    return Bulk.stored(ledger_of(ledger)._place, text("job", job), bool(again), bool(join), options)


def run_options(
    window: int,
    spare: int,
    rate: int | None,
    per_device: int | None,
    max_tries: int,
    patience: float | None,
    timeout: float | None,
) -> dict[str, Any]:
    """How a run sends its downlinks."""
    return {
        "window": count("window", window),
        "spare": count("spare", spare),
        "rate": whole("rate", rate),
        "per_device": whole("per_device", per_device),
        "max_tries": count("max_tries", max_tries),
        "patience": seconds("patience", patience),
        "timeout": seconds("timeout", timeout),
    }


def ledger_of(ledger: str | os.PathLike[str] | Ledger) -> Ledger:
    """A ledger by its path."""
    return ledger if isinstance(ledger, Ledger) else Ledger(ledger)


def context_switch(customer_id: str) -> Call[Any]:
    """The switch to a sub-customer."""
    return Call.switch(text("customer_id", customer_id))


def request(
    method: str, path: str, params: Params | None, headers: Pairs | None, json: Any, content: Payload | None
) -> Call[Response]:
    """Any other call."""
    data, fields = body(json, content, headers)
    return Call.request(method_name(method), text("path", path), pairs("params", params, several=True), fields, data)


def seconds(name: str, value: float | None) -> float | None:
    """Returns a number of seconds or `None`."""
    return None if value is None else number(name, value)


def optional_text(name: str, value: str | None) -> str | None:
    """Returns a text or `None`."""
    return None if value is None else text(name, value)

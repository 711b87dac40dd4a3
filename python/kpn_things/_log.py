"""Logs of calls, in `logging.getLogger("kpn_things")`. The first call imports this, because `logging` takes long to import."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from ._events import Event

logger = logging.getLogger("kpn_things")
# Without a handler, Python would print warnings where logging is not set up.
logger.addHandler(logging.NullHandler())


def report(on_event: Callable[[Event], object] | None, fields: tuple[Any, ...]) -> None:
    """Logs an event, and passes it to the user's function."""
    event = Event._make(fields)
    level = logging.INFO if event.kind == "retry" else logging.DEBUG
    if logger.isEnabledFor(level):
        logger.log(level, "%s", event, extra=_extra(event._asdict()))
    if on_event is not None:
        on_event(event)


def warn(text: str, outcome: str | None, external_reference: str | None) -> None:
    """Logs a warning."""
    extra = _extra({"outcome": outcome, "external_reference": external_reference})
    if outcome is not None:
        # The time helps to find the downlink in the portal, and not every log format shows it.
        text = f"{text} ({time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())})"
    logger.warning("%s", text, extra=extra)


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as attributes of a log record, with the prefix `kpn_`."""
    return {f"kpn_{name}": value for name, value in fields.items()}


def log_to_stderr(level: str) -> None:
    """Writes log records to stderr, at the level that `KPN_THINGS_LOG` names."""
    number = logging.getLevelName(level.strip().upper())
    if not isinstance(number, int):
        logger.addHandler(logging.StreamHandler())
        logger.warning("KPN_THINGS_LOG is %r: set it to debug, info, warning or error", level)
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(number)

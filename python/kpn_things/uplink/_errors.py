"""The exceptions of uplinks. None holds a token, a secret, or a part of a message."""

from __future__ import annotations

from ..errors import KpnThingsError


class UplinkError(KpnThingsError):
    """An uplink could not be verified, read, or taken from an inbox."""

    __module__ = "kpn_things.uplink"


class UplinkRefusedError(UplinkError):
    """The message is not from KPN Things, or cannot be verified. `status` is the status code of the response."""

    __module__ = "kpn_things.uplink"

    status: int = 401
    """The status code of the response: 401 or 413."""

    reason: str = "wrong"
    """The reason as one word, for metrics: `missing`, `twice`, `not_hex`, `wrong_length`, `too_large` or `wrong`."""


class MissingTokenError(UplinkRefusedError):
    """The request has no header `Things-Message-Token`."""

    __module__ = "kpn_things.uplink"


class RepeatedTokenError(UplinkRefusedError):
    """The request has the header `Things-Message-Token` more than once."""

    __module__ = "kpn_things.uplink"


class TokenFormatError(UplinkRefusedError):
    """The token is not 64 lower-case hex digits."""

    __module__ = "kpn_things.uplink"


class WrongTokenError(UplinkRefusedError):
    """The token does not belong to the body and any of the secrets."""

    __module__ = "kpn_things.uplink"


class BodyTooLargeError(UplinkRefusedError):
    """The body is larger than the limit."""

    __module__ = "kpn_things.uplink"

    status: int = 413
    """The status code of the response."""

    reason: str = "too_large"
    """The reason as one word."""


class UplinkParseError(UplinkError, ValueError):
    """The message is not SenML. If its token is correct, store it and answer 2xx: KPN Things would discard it otherwise."""

    __module__ = "kpn_things.uplink"


class UplinkFieldError(UplinkError, ValueError):
    """One field of the message cannot be read, such as a payload that is not hex. All others can."""

    __module__ = "kpn_things.uplink"


class InboxError(UplinkError):
    """The inbox cannot be used."""

    __module__ = "kpn_things.uplink"


_NATIVE: dict[str, type[UplinkError]] = {
    "UplinkParseError": UplinkParseError,
    "UplinkFieldError": UplinkFieldError,
    "InboxError": InboxError,
}

_REFUSALS: dict[str, type[UplinkRefusedError]] = {
    "missing": MissingTokenError,
    "twice": RepeatedTokenError,
    "not_hex": TokenFormatError,
    "wrong_length": TokenFormatError,
    "too_large": BodyTooLargeError,
}


def _from_native(kind: str, text: str) -> UplinkError:
    """Returns the exception for an error of the native part."""
    return _NATIVE[kind](text)


def _refused(reason: str, text: str, status: int) -> UplinkRefusedError:
    """Returns the exception for a refusal of the native part."""
    error = _REFUSALS.get(reason, WrongTokenError)(text)
    error.reason, error.status = reason, status
    return error

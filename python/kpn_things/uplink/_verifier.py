"""Verifies messages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, Union

from .. import _native
from .._arguments import path_text
from ..errors import ConfigError

Secret: TypeAlias = Union[str, bytes]
Secrets: TypeAlias = Union[Secret, Mapping[str, Secret], Iterable[Secret]]

BODY_LIMIT = 1024 * 1024


class Verifier(_native.Verifier):
    """Verifies that KPN Things sent a message: its token is SHA-256 over the body and the shared secret of the destination.

        verifier = Verifier({"active": os.environ["SECRET"], "retiring": os.environ["OLD_SECRET"]})
        verifier.verify(request.headers, body)

    It can be shared by threads. Its `repr` shows labels and no secret, and it cannot be pickled.

    Args:
        secrets: One secret, several secrets, or a mapping of labels to secrets. A label has 1 to 32 lower-case letters,
            digits, `-` and `_`. Secrets without a label are called `secret-1`, `secret-2` and so on.
        secret_file: A file with one secret per line, instead of `secrets`. A line that begins with `label=` has a label.
        plugs: Other secrets for the destinations with these UUIDs, as the header `Things-Plug-UUID` has them.
        body_limit: The most bytes of a body.

    Raises:
        ConfigError: There is no secret, or one is not valid. The text does not contain it.
    """

    __slots__ = ()
    __module__ = "kpn_things.uplink"

    def __new__(
        cls,
        secrets: Secrets | None = None,
        *,
        secret_file: str | os.PathLike[str] | None = None,
        plugs: Mapping[str, Secrets] | None = None,
        body_limit: int = BODY_LIMIT,
    ) -> Verifier:
        if isinstance(body_limit, bool) or not isinstance(body_limit, int):
            raise TypeError("body_limit is not an int: pass a number of bytes")
        if body_limit < 0:
            raise ConfigError("body_limit is negative: pass a number of bytes")
        if (secrets is None) == (secret_file is None):
            raise ConfigError("pass either secrets or secret_file")
        source = _pairs(secrets) if secrets is not None else _read(path_text("secret_file", secret_file))
        others = [(uuid, _pairs(own)) for uuid, own in (plugs or {}).items()]
        return super().__new__(cls, source, others, body_limit)


def sign(secret: Secret, body: bytes | bytearray | memoryview) -> str:
    """Returns the token of a body: SHA-256 over its bytes and the secret, as 64 lower-case hex digits. It is for tests."""
    return _native.sign_uplink(_secret(secret), body)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"could not read the secret file {path}: {error.strerror}") from None


def _pairs(secrets: Any) -> list[tuple[str, bytes]]:
    """The labels and bytes of secrets."""
    if isinstance(secrets, Mapping):
        return [(label, _secret(secret)) for label, secret in secrets.items()]
    several = [secrets] if isinstance(secrets, (str, bytes)) else list(secrets)
    if not several:
        raise ConfigError("there is no secret: pass at least one")
    return [(f"secret-{number}", _secret(secret)) for number, secret in enumerate(several, 1)]


def _secret(secret: Any) -> bytes:
    if isinstance(secret, bytes):
        return secret
    if not isinstance(secret, str):
        raise TypeError(f"a secret is of type {type(secret).__name__}: pass a str or bytes")
    try:
        return secret.encode()
    except UnicodeEncodeError:
        raise ConfigError("a secret has characters that are not valid Unicode") from None

"""What both clients are made of."""

from __future__ import annotations

import os

from ._native import Config
from .errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from typing_extensions import Self, Unpack

    from ._native import AsyncCaller, Caller
    from ._options import Options


class BaseClient:
    """Settings, sub-customers and pickling: all but the calls."""

    __slots__ = ("_caller", "_config", "_customer")

    _caller_type: ClassVar[Any]

    def __init__(
        self,
        *,
        tenant_id: str | None = None,
        key_id: str | None = None,
        key_secret: str | None = None,
        application_id: str | None = None,
        grip_base_url: str | None = None,
        token_url: str | None = None,
        base_url: str | None = None,
        customer_id: str | None = None,
        security_context: str | None = None,
        timeout: float | None = None,
        attempt_timeout: float | None = None,
        connect_timeout: float | None = None,
        max_attempts: int | None = None,
        max_body: int | None = None,
        ca_bundle: str | os.PathLike[str] | bytes | None = None,
    ) -> None:
        config = Config(
            tenant_id=tenant_id,
            key_id=key_id,
            key_secret=key_secret,
            application_id=application_id,
            grip_base_url=grip_base_url,
            token_url=token_url,
            base_url=base_url,
            customer_id=customer_id,
            security_context=security_context,
            timeout=timeout,
            attempt_timeout=attempt_timeout,
            connect_timeout=connect_timeout,
            max_attempts=max_attempts,
            max_body=max_body,
            ca_bundle=_pem(ca_bundle),
        )
        self._open(config)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Unpack[Options]) -> Self:
        """A client from the `KPN_THINGS_*` variables, and the Postman environment file they may name.

        The options of the constructor go before the environment, and that before the file. `environ` replaces
        `os.environ`.
        """
        return cls._configured(environment=os.environ if environ is None else environ, **options)

    @classmethod
    def from_postman_environment(cls, path: str | os.PathLike[str], **options: Unpack[Options]) -> Self:
        """A client from the environment file of KPN's Postman collection; the constructor's options go before it."""
        with open(path, encoding="utf-8") as file:
            return cls._configured(postman=file.read(), **options)

    @classmethod
    def _configured(cls, ca_bundle: str | os.PathLike[str] | bytes | None = None, **options: Any) -> Self:
        return cls._of(Config(ca_bundle=_pem(ca_bundle), **options))

    @classmethod
    def _of(cls, config: Config) -> Self:
        client = cls.__new__(cls)
        client._open(config)
        return client

    def _open(self, config: Config) -> None:
        self._config = config
        self._caller: Any = self._caller_type(config)
        self._customer = config.customer_id

    def for_customer(self, customer_id: str) -> Self:
        """The same client, acting for a sub-customer: the context switch is done before the first call.

        Both share connections and token; closing one closes both.
        """
        client = self.__class__.__new__(self.__class__)
        client._config = self._config
        client._caller = self._caller.for_customer(customer_id)
        client._customer = customer_id
        return client

    def __repr__(self) -> str:
        customer = f", customer_id={self._customer!r}" if self._customer else ""
        return f"{type(self).__name__}(base_url={self._config.base_url!r}{customer})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self._config.public(), self._config.has_security_context, self._customer)


def _pem(bundle: str | os.PathLike[str] | bytes | None) -> bytes | None:
    """The content of a CA bundle, which may be given by its path."""
    if bundle is None or isinstance(bundle, bytes):
        return bundle
    with open(bundle, "rb") as file:
        return file.read()


def _again(
    cls: type[BaseClient], settings: dict[str, Any], has_security_context: bool, customer: str | None
) -> BaseClient:
    """A client out of a pickle: what is secret is looked up in the environment of this process."""
    secrets = ("KPN_THINGS_KEY_SECRET", "KPN_THINGS_SECURITY_CONTEXT", "KPN_THINGS_POSTMAN_ENVIRONMENT")
    environ = {name: os.environ[name] for name in secrets if name in os.environ}
    try:
        config = Config(environment=environ, **settings)
    except ConfigError as error:
        raise ConfigError(
            f"a pickled client does not hold the secret of its API key {settings['key_id']}: set KPN_THINGS_KEY_SECRET "
            "in this process, or KPN_THINGS_POSTMAN_ENVIRONMENT"
        ) from error
    if has_security_context and not config.has_security_context:
        raise ConfigError(
            "a pickled client does not hold its security context: set KPN_THINGS_SECURITY_CONTEXT in this process"
        )
    client = cls._of(config)
    return client if customer == client._customer or customer is None else client.for_customer(customer)

"""What both clients are made of."""

from __future__ import annotations

import os

from ._arguments import whole
from ._native import Config
from .errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
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
        max_pages: int | None = None,
        ca_bundle: str | os.PathLike[str] | bytes | None = None,
        proxy: str | None = None,
        user_agent: str | None = None,
        allow_http: str | Iterable[str] | None = None,
    ) -> None:
        config = _config(
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
            max_pages=max_pages,
            ca_bundle=ca_bundle,
            proxy=proxy,
            user_agent=user_agent,
            allow_http=allow_http,
        )
        self._open(config)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Unpack[Options]) -> Self:
        """A client from the `KPN_THINGS_*` variables, and the Postman environment file they may name.

        Args:
            environ: Variables to read instead of `os.environ`.
            options: Options of the constructor. They go before the environment, and that before the file.
        """
        return cls._with(dict(options), environment=os.environ if environ is None else environ)

    @classmethod
    def from_postman_environment(cls, path: str | os.PathLike[str], **options: Unpack[Options]) -> Self:
        """A client from the environment file of KPN's Postman collection.

        Args:
            path: The file.
            options: Options of the constructor. They go before the file.
        """
        return cls._with(dict(options), postman=(str(path), _read(path)))

    @classmethod
    def _with(cls, options: dict[str, Any], **source: Any) -> Self:
        """A client made by its constructor, of options and what a source adds to them."""
        ours = {name: options.pop(name) for name in OPTIONS if name in options}
        return cls(**_config(**ours, **source).options(), **options)

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
        """Returns the same client, acting for a sub-customer: the context switch is made before the first call.

        Both share connections and token; closing one closes both.

        Args:
            customer_id: The Customer ID of the sub-customer.

        Raises:
            InputError: This cannot be a Customer ID.
        """
        return self._acting(self._caller.for_customer(customer_id), customer_id)

    def without_customer(self) -> Self:
        """Returns the same client, acting for no sub-customer.

        Both share connections and token; closing one closes both.
        """
        return self._acting(self._caller.without_customer(), None)

    def _acting(self, caller: Any, customer: str | None) -> Self:
        client = self.__class__.__new__(self.__class__)
        client._config = self._config
        client._caller = caller
        client._customer = customer
        if hasattr(self, "__dict__"):  # of a subclass
            client.__dict__.update(self.__dict__)
        return client

    def __repr__(self) -> str:
        customer = f", customer_id={self._customer!r}" if self._customer else ""
        return f"{type(self).__name__}(base_url={self._config.base_url!r}{customer})"

    def __copy__(self) -> Self:
        """Itself: a client can be shared, and has nothing that a copy could change."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself, as `__copy__`."""
        return self

    def __dask_tokenize__(self) -> str:
        # Dask would unpickle a client to see whether it is always the same, and that takes the secret.
        return repr(self.__reduce__()[1])

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (type(self), self._config.public(), self._config.has_security_context, self._customer)
        return _again, arguments, getattr(self, "__dict__", None)


OPTIONS = tuple(BaseClient.__init__.__kwdefaults__ or ())
"""The names of the options that a client has."""


def _config(
    *,
    max_attempts: int | None = None,
    max_body: int | None = None,
    max_pages: int | None = None,
    ca_bundle: str | os.PathLike[str] | bytes | None = None,
    allow_http: str | Iterable[str] | None = None,
    **settings: Any,
) -> Config:
    return Config(
        max_attempts=whole("max_attempts", max_attempts, ConfigError),
        max_body=whole("max_body", max_body, ConfigError),
        max_pages=whole("max_pages", max_pages, ConfigError),
        ca_bundle=ca_bundle if ca_bundle is None or isinstance(ca_bundle, bytes) else _read(ca_bundle),
        allow_http=[allow_http] if isinstance(allow_http, str) else None if allow_http is None else list(allow_http),
        **settings,
    )


def _read(path: str | os.PathLike[str]) -> bytes:
    # Not all that `open` takes: a number would be a file of somebody else, and be closed.
    with open(os.fspath(path), "rb") as file:
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
    if customer == client._customer:
        return client
    return client.without_customer() if customer is None else client.for_customer(customer)

"""The shared base of both clients."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from ._arguments import number, path_text, text, texts, whole
from ._events import Event
from ._native import Config, Masked, RetryPolicy, before_fork, mask
from ._options import Options
from ._typing import Self, Unpack
from .errors import ConfigError

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=before_fork)


class _Signature:
    """The signature of a client: its options by their names, as `help` and completion show them."""

    def __get__(self, client: object, cls: type[BaseClient]) -> Any:
        import inspect  # here, because it takes longer than the rest of our import

        names = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind.__forward_arg__)
            for name, kind in cls._options_type.__annotations__.items()
        ]
        return inspect.Signature(names)


class BaseClient:
    """Settings, sub-customers and pickling: everything but the calls."""

    __signature__: ClassVar[Any] = _Signature()

    _caller_type: ClassVar[Any]
    _options_type: ClassVar[Any]

    # `repr` reads these even if the constructor failed.
    _config: Config | None = None
    _customer: str | None = None
    _scope: Mapping[str, Any] = {}
    """The options of `with_options`."""

    _caller: Any

    def __init__(self, **options: Unpack[Options]) -> None:
        # This comes first, because tools that report errors show local variables.
        mask(options)
        given: dict[str, Any] = dict(options)
        source = given.pop("_source", {})
        self._open(self._configure(given, source))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Unpack[Options]) -> Self:
        """Creates a client from the `KPN_THINGS_*` variables, and from the Postman environment file that they may name.

        Args:
            environ: Variables to read instead of `os.environ`.
            options: Options of the client. They override the variables, which override the file.

        Raises:
            ConfigError: A setting is missing or wrong. The message names all of them.
            TypeError: An option is unknown or of a wrong type.
        """
        mask(options)
        if environ is not None and not hasattr(environ, "get"):
            raise TypeError(
                f"environ is of type {type(environ).__name__}: pass a mapping such as os.environ, or use "
                "from_postman_environment for a file"
            )
        environ = Masked(os.environ if environ is None else environ)  # type: ignore[assignment]
        return cls(**options, _source={"environ": environ})  # type: ignore[call-arg]

    @classmethod
    def from_postman_environment(cls, path: str | os.PathLike[str], **options: Unpack[Options]) -> Self:
        """Creates a client from the environment file of KPN's Postman collection.

        Args:
            path: The path of the file.
            options: Options of the client. They override the file.

        Raises:
            ConfigError: The file cannot be read, or a setting is missing or wrong. The message names all of them.
            TypeError: An option is unknown or of a wrong type.
        """
        mask(options)
        source = {"postman": (path_text("path", path), Masked(_read("path", path)))}
        return cls(**options, _source=source)  # type: ignore[call-arg]

    @classmethod
    def _configure(cls, options: dict[str, Any], source: dict[str, Any]) -> Config:
        mask(options)
        return Config(_checked(cls, options), **source)

    @classmethod
    def _of(cls, config: Config) -> Self:
        client = cls.__new__(cls)
        client._open(config)
        return client

    def _open(self, config: Config) -> None:
        self._config = config
        self._caller = self._caller_type(config)
        self._customer = config.customer_id

    def for_customer(self, customer_id: str) -> Self:
        """Returns the same client acting for a sub-customer. The context switch is made before the first call.

        Both share connections and token. Closing one closes both.

        Args:
            customer_id: The Customer ID of the sub-customer.

        Raises:
            InputError: This is not a valid Customer ID.
        """
        return self._scoped(self._caller.for_customer(text("customer_id", customer_id)), customer_id)

    def without_customer(self) -> Self:
        """Returns the same client acting for no sub-customer.

        Both share connections and token. Closing one closes both.
        """
        return self._scoped(self._caller.without_customer(), None)

    def with_options(
        self,
        *,
        timeout: float | None = None,
        retry: RetryPolicy | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> Self:
        """Returns the same client with other options for its calls.

        Both share connections and token. Closing one closes both. For other options, create another client.

        Args:
            timeout: Seconds for a whole call, including its token and its retries.
            retry: When to retry, and how long to wait before that.
            on_event: A function that is called with each `Event`.

        Raises:
            InputError: A value is out of range.
        """
        options = _checked(type(self), {"timeout": timeout, "retry": retry, "on_event": on_event})
        client = self._scoped(self._caller.with_options(**options), self._customer)
        given = {name: value for name, value in options.items() if value is not None}
        client._scope = {**self._scope, **given}
        return client

    def _scoped(self, caller: Any, customer: str | None) -> Self:
        client = self.__class__.__new__(self.__class__)
        client.__dict__.update(self.__dict__)
        client._caller = caller
        client._customer = customer
        return client

    def __repr__(self) -> str:
        customer = f", customer_id={self._customer!r}" if self._customer else ""
        base_url = self._config.base_url if self._config else None
        return f"{type(self).__name__}(base_url={base_url!r}{customer})"

    def __copy__(self) -> Self:
        """Returns the client itself. It can be shared, and it has no state that a copy could change."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Returns the client itself, like `__copy__`."""
        return self

    def __dask_tokenize__(self) -> str:
        # By default, Dask unpickles a client to check that its token is stable, but unpickling requires the secret.
        return repr(self.__reduce__()[1])

    def __reduce__(self) -> tuple[Any, ...]:
        if self._config is None:
            settings, has_security_context = self._caller.pickled
        else:
            settings, has_security_context = self._config.public(), self._config.has_security_context
        ours = ("_caller", "_config", "_customer", "_scope")
        state = {name: value for name, value in self.__dict__.items() if name not in ours}
        return _again, (type(self), settings, has_security_context, self._customer, self._scope), state or None


class _Locked:
    """The caller of a client that was unpickled without its secret. Each call raises an error that says what to do."""

    def __init__(self, pickled: tuple[dict[str, Any], bool], why: str) -> None:
        self.pickled = pickled
        self._why = why

    def close(self) -> None:
        """Closes nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ConfigError(self._why)


def _checked(cls: type[BaseClient], options: dict[str, Any]) -> dict[str, Any]:
    """The options, after their names and types were checked."""
    kinds = cls._options_type.__annotations__
    for name, value in options.items():
        if name not in kinds:
            raise TypeError(f"{cls.__name__}() got an unexpected keyword argument {name!r}{_guess(name, kinds)}")
        if value is not None:
            options[name] = _checked_option(name, value, kinds[name].__forward_arg__)
    return options


def _checked_option(name: str, value: Any, kind: str) -> Any:
    match kind:
        case "int | None":
            return whole(name, value, ConfigError)
        case "float | None":
            return number(name, value)
        case "str | None":
            return value if isinstance(value, Masked) else text(name, value)
    match name:
        case "ca_bundle":
            return value if isinstance(value, bytes) else _read(name, value)
        case "allow_http":
            return [value] if isinstance(value, str) else texts(name, value)
        case "retry" if not isinstance(value, RetryPolicy):
            raise TypeError(f"retry is of type {type(value).__name__}: pass a RetryPolicy, or max_attempts")
        case "on_event" if not callable(value):
            raise TypeError(f"on_event is of type {type(value).__name__}: pass a function that takes an Event")
    return value


def _guess(name: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    return f": did you mean {close[0]!r}?" if close else ""


def _read(name: str, path: Any) -> bytes:
    """Returns the content of the file that an argument names."""
    # As a path, a PEM text is far too long, and the message of the system would not say what to do.
    if isinstance(path, str) and "-----BEGIN" in path:
        raise ConfigError(f"{name} is a text with certificates: pass it as bytes, or pass the path of a file")
    try:
        # `open` also accepts the number of an open file, but would then close a file that belongs to other code.
        with open(path_text(name, path), "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(f"{name}: cannot read {os.fspath(path)}: {error.strerror or error}") from error


def _again(
    cls: type[BaseClient],
    settings: dict[str, Any],
    has_security_context: bool,
    customer: str | None,
    scope: Mapping[str, Any],
) -> BaseClient:
    """Creates a client from a pickle. Its secrets are looked up in the environment of this process."""
    secrets = ("KPN_THINGS_KEY_SECRET", "KPN_THINGS_SECURITY_CONTEXT", "KPN_THINGS_POSTMAN_ENVIRONMENT")
    why = None
    try:
        environ = Masked({name: os.environ[name] for name in secrets if name in os.environ})
        config = cls._configure(dict(settings), {"environ": environ})
    except ConfigError as error:
        why = (
            f"a pickled client does not contain the secret of its API key {settings['key_id']}: set KPN_THINGS_KEY_SECRET "
            "in this process, or KPN_THINGS_POSTMAN_ENVIRONMENT"
        )
        if "KPN_THINGS_KEY_SECRET" in os.environ or "KPN_THINGS_POSTMAN_ENVIRONMENT" in os.environ:
            why = f"a pickled client cannot be opened in this process: {error}"
    else:
        if has_security_context and not config.has_security_context:
            why = (
                "a pickled client does not contain its security context: set KPN_THINGS_SECURITY_CONTEXT in this process"
            )
    if why is not None:
        client = cls.__new__(cls)
        client._caller, client._customer = _Locked((settings, has_security_context), why), customer
        client._scope = scope
        return client
    client = cls._of(config)
    if scope:
        client = client.with_options(**scope)
    if customer == client._customer:
        return client
    return client.without_customer() if customer is None else client.for_customer(customer)

"""The headers of a response."""

from __future__ import annotations

from _collections_abc import Mapping  # `collections.abc` would import the whole of `collections`

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_HIDDEN = {"authorization", "cookie", "proxy-authorization", "set-cookie"}
"""The headers whose values `repr` does not show."""


class Headers(Mapping[str, str]):
    """The headers of a response: a read-only mapping that ignores the case of names.

    Iterates over the names in lower case. Several values of one name are joined by `, `.

    Args:
        headers: A mapping, or pairs of a name and a value.
    """

    __module__ = "kpn_things"
    __slots__ = ("_values",)

    def __init__(self, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, tuple[str, ...]] = {}
        for name, value in _pairs(headers):
            if not isinstance(value, str):
                raise TypeError(f"headers[{name!r}] is of type {type(value).__name__}: pass a str")
            self._values[_key(name)] = (*self.get_all(name), value)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Returns each value of a name, in the order of the response.

        Args:
            name: The name, in any case.
        """
        return self._values.get(_key(name), ())

    def __getitem__(self, name: str) -> str:
        try:
            return ", ".join(self._values[_key(name)])
        except KeyError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return _key(name) in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self._values == other._values
        if isinstance(other, Mapping):
            return dict(self) == {_key(name): other[name] for name in other}
        return NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        shown = {name: "[hidden]" if name in _HIDDEN else value for name, value in self.items()}
        return f"Headers({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (_pairs(self),)


def _key(name: Any) -> Any:
    """Returns a name in lower case. An object that is not a text is returned unchanged."""
    return name.lower() if isinstance(name, str) else name


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """The pairs of a name and one value."""
    if isinstance(headers, Headers):
        return [(name, value) for name, values in headers._values.items() for value in values]
    if isinstance(headers, (str, bytes)):
        raise TypeError(f"headers is of type {type(headers).__name__}: pass a mapping, or pairs of a name and a value")
    return headers.items() if isinstance(headers, Mapping) else headers

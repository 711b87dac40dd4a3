"""The shared base of records that have a field named `index`, which a named tuple cannot have."""

from __future__ import annotations

from typing import Any


class Fields:
    """A record of the fields in the `__match_args__` of its class. Two are equal if all their fields are."""

    __slots__ = ()

    def _names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = getattr(type(self), "__match_args__", ())
        return names

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._names())

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Fields) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names())
        return f"{type(self).__name__}({fields})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()

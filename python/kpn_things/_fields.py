"""The shared base of records that have a field named `index`, which a named tuple cannot have."""

from __future__ import annotations

from typing import Any, ClassVar


class Fields:
    """A record of the fields in `__match_args__`. Two are equal if all their fields are."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]]

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Fields) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()

"""Names of `typing` that the oldest supported Python lacks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self, TypeAlias, Unpack
else:
    from typing import TypeAlias

    if sys.version_info >= (3, 12):
        from collections.abc import Buffer
    else:
        from abc import ABC

        class Buffer(ABC):
            """An object that holds bytes, such as `bytes` or an array."""

            def __buffer__(self, flags):
                raise NotImplementedError

        for kind in (bytes, bytearray, memoryview):
            Buffer.register(kind)

    if sys.version_info >= (3, 11):
        from typing import Self, Unpack
    else:
        from typing import TypeVar

        Self = TypeVar("Self")

        class Unpack:
            """Stands for its argument, a `TypedDict`."""

            def __class_getitem__(cls, options):
                return options


__all__ = ["Buffer", "Self", "TypeAlias", "Unpack"]

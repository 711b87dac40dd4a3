from collections.abc import Callable, Iterable
from types import GenericAlias
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from ._native import AsyncPages, Page

_T_co = TypeVar("_T_co", covariant=True)

class AsyncListing(Generic[_T_co]):
    """The pages of a listing, or its devices, one after the other.

    One that was cancelled in the middle is cut off: it raises `RuntimeError` from then on, where a generator would look as
    if it had come to its end.
    """

    def __init__(self, pages: AsyncPages, of: Callable[[list[Page]], Iterable[_T_co]]) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> _T_co: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    async def aclose(self) -> None:
        """Ends it, and the fetching of its pages."""

"""The read side of KPN's current API, for both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, TypedDict, TypeVar

from ._arguments import number, text, texts, whole
from ._native import AsyncCaller, Caller, ResourceQuery, downlink_state
from ._typing import Unpack

if TYPE_CHECKING:
    from datetime import date

_T_co = TypeVar("_T_co", bound="Item", covariant=True)


class ListOptions(TypedDict, total=False):
    """The options of every listing of the current API. `None` means that an option is not given.

    created_since: Only what was created at this time or later: a `datetime` with a time zone, a `date`, or a text in ISO 8601.
    created_before: Only what was created before this time.
    modified_since: Only what was changed at this time or later.
    modified_before: Only what was changed before this time.
    client_id: Only items of this Customer ID.
    project_id: Only items of this project.
    sort: The fields to sort by, as a text with commas in between or as a list. A `-` in front sorts descending: `-createdAt`.
    limit: Items per page, at least 1. The default of the service is 50.
    cursor: The place to start at, for example to continue a listing that was interrupted.
    timeout: Seconds for one page, including its token and its retries. Default: the timeout of the client.
    deadline: Seconds for all pages together. Default: no limit.
    """

    created_since: str | date | None
    created_before: str | date | None
    modified_since: str | date | None
    modified_before: str | date | None
    client_id: str | None
    project_id: str | None
    sort: str | Sequence[str] | None
    limit: int | None
    cursor: str | None
    timeout: float | None
    deadline: float | None


class SearchOptions(ListOptions, total=False):
    """The options of device groups, projects and downlinks.

    q: A text to search for. For groups and projects: a part of the name or of the description, in upper or lower case. For downlinks: a
        whole `tagValue`, or a part of the `networkId` or of the message, and case matters:
        `urn:dev:DEVEUI:0059AC0000181EB6:`.
    """

    q: str | None


class DeviceOptions(SearchOptions, total=False):
    """The options of devices. `q` is a part of the name or of the description, in upper or lower case.

    barcode: Only devices with this barcode.
    device_specification_id: Only devices of this specification, or of one of several.
    """

    barcode: str | None
    device_specification_id: str | Sequence[str] | None


class BindingOptions(ListOptions, total=False):
    """The options of bindings.

    device_id: Only bindings of the device with this UUID.
    """

    device_id: str | None


class ConnectionOptions(SearchOptions, total=False):
    """The options of the downlinks of one kind of connection.

    device_id: Only downlinks to the device with this UUID.
    """

    device_id: str | None


class Item(Mapping[str, Any]):
    """An item of the current API: a read-only mapping of the service's own field names.

    Only the fields of a `Project` are documented. Two items are equal if all their fields are. An integer has all its digits.
    """

    __module__ = "kpn_things"
    __slots__ = ("_fields", "_json")

    def __init__(self, json: str, /) -> None:
        self._json = text("json", json)
        self._fields: dict[str, Any] | None = None

    @property
    def json(self) -> str:
        """The item as the service wrote it, with the digits of every number."""
        return self._json

    @property
    def id(self) -> str | None:
        """The field `id`, if it is a text."""
        return self._text("id")

    def to_dict(self) -> dict[str, Any]:
        """All fields, in a new `dict`."""
        import json  # here, because it takes a third of the time of our import

        fields = json.loads(self._json)
        return fields if isinstance(fields, dict) else {}

    def _text(self, name: str) -> str | None:
        value = self.get(name)
        return value if isinstance(value, str) else None

    def _known(self) -> dict[str, Any]:
        if self._fields is None:
            self._fields = self.to_dict()
        return self._fields

    def __getitem__(self, name: str, /) -> Any:
        return self._known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __eq__(self, other: object, /) -> bool:
        return type(other) is type(self) and self._known() == other._known()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self.id))

    def __repr__(self) -> str:
        # The other fields may hold a payload.
        return f"<{type(self).__name__} {self.id!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._json,)


class Project(Item):
    """A project. A field that the service did not send as text is `None`."""

    __module__ = "kpn_things"
    __slots__ = ()

    @property
    def client_id(self) -> str | None:
        """The Customer ID of the customer that the project belongs to."""
        return self._text("clientId")

    @property
    def name(self) -> str | None:
        """The name."""
        return self._text("name")

    @property
    def description(self) -> str | None:
        """The description."""
        return self._text("description")

    @property
    def created_at(self) -> str | None:
        """The time of its creation, in ISO 8601."""
        return self._text("createdAt")

    @property
    def modified_at(self) -> str | None:
        """The time of its last change, in ISO 8601."""
        return self._text("modifiedAt")

    @property
    def created_by(self) -> str | None:
        """Its creator, such as `principal/2c5c24cb-...`."""
        return self._text("createdBy")

    @property
    def modified_by(self) -> str | None:
        """The author of its last change."""
        return self._text("modifiedBy")

    @property
    def definition_type(self) -> str | None:
        """The field `definition.type`."""
        definition = self.get("definition")
        kind = definition.get("type") if isinstance(definition, dict) else None
        return kind if isinstance(kind, str) else None


class ListedDownlink(Item):
    """A downlink as the service lists it. Its fields are not documented."""

    __module__ = "kpn_things"
    __slots__ = ()

    @property
    def state(self) -> Literal["Pending", "Executing"] | None:
        """The state, if it is a documented one: if a field at any depth has this text, in upper or lower case.

        `None` means that no field has. The downlink has then probably ended, in a state that its fields show.
        """
        found = downlink_state(self._json)
        return None if found is None else found[1]

    @property
    def state_field(self) -> str | None:
        """The path of the field with the `state`, such as `status` or `delivery.state`."""
        found = downlink_state(self._json)
        return None if found is None else found[0]


class _Query(Generic[_T_co]):
    """A listing that has not begun: its query, and the class of its items."""

    __slots__ = ("_caller", "_of", "_query")

    def __init__(self, caller: Any, path: str, of: Callable[[str], _T_co], options: Mapping[str, Any]) -> None:
        self._caller = caller
        self._of = of
        self._query = _query(path, dict(options))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: not listed yet; iterate over it>"

    def __bool__(self) -> NoReturn:
        raise TypeError("a listing that has not begun is neither true nor false: iterate over it")


class Items(_Query[_T_co]):
    """A listing of the current API that has not begun: iterate over it. Each iteration lists again.

    Pages are requested one after the other, each once the items of the page before it were read. The iteration raises
    `InputError` if an option is not valid, `ListingError` if the links between the pages lead in a circle or to another server,
    and `KpnThingsError` if a page cannot be read.
    """

    __module__ = "kpn_things"
    __slots__ = ()
    _caller: Caller

    def __iter__(self) -> Iterator[_T_co]:
        for json in self._caller.items(self._query):
            yield self._of(json)


class AsyncItems(_Query[_T_co]):
    """A listing of the current API that has not begun: use `async for`. Each iteration lists again.

    Pages are requested one after the other, each once the items of the page before it were read. The iteration raises
    `InputError` if an option is not valid, `ListingError` if the links between the pages lead in a circle or to another server,
    and `KpnThingsError` if a page cannot be read.
    """

    __module__ = "kpn_things"
    __slots__ = ()
    _caller: AsyncCaller

    async def __aiter__(self) -> AsyncIterator[_T_co]:
        feed = self._caller.items(self._query)
        while (batch := await feed.next_batch()) is not None:
            for json in batch:
                yield self._of(json)


class Current:
    """The listings of KPN's current API, of a blocking client.

    It is inferred from the public part of KPN's documentation, and has never met the real service.
    """

    __module__ = "kpn_things"
    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def devices(self, **options: Unpack[DeviceOptions]) -> Items[Item]:
        """Lists `/devices`."""
        return Items(self._caller, "/devices", Item, options)

    def device_groups(self, **options: Unpack[SearchOptions]) -> Items[Item]:
        """Lists `/device-groups`."""
        return Items(self._caller, "/device-groups", Item, options)

    def projects(self, **options: Unpack[SearchOptions]) -> Items[Project]:
        """Lists `/projects`."""
        return Items(self._caller, "/projects", Project, options)

    def downlinks(self, **options: Unpack[SearchOptions]) -> Items[ListedDownlink]:
        """Lists `/downlinks`, those of every connection."""
        return Items(self._caller, "/downlinks", ListedDownlink, options)

    def lora_downlinks(self, **options: Unpack[ConnectionOptions]) -> Items[ListedDownlink]:
        """Lists `/lora/downlinks`."""
        return Items(self._caller, "/lora/downlinks", ListedDownlink, options)

    def mqtt_downlinks(self, **options: Unpack[ConnectionOptions]) -> Items[ListedDownlink]:
        """Lists `/mqtt/downlinks`."""
        return Items(self._caller, "/mqtt/downlinks", ListedDownlink, options)

    def lora_bindings(self, **options: Unpack[BindingOptions]) -> Items[Item]:
        """Lists `/lora/bindings`."""
        return Items(self._caller, "/lora/bindings", Item, options)

    def http_bindings(self, **options: Unpack[BindingOptions]) -> Items[Item]:
        """Lists `/http/bindings`."""
        return Items(self._caller, "/http/bindings", Item, options)

    def mqtt_bindings(self, **options: Unpack[BindingOptions]) -> Items[Item]:
        """Lists `/mqtt/bindings`."""
        return Items(self._caller, "/mqtt/bindings", Item, options)


class AsyncCurrent:
    """The listings of KPN's current API, of a client on asyncio.

    It is inferred from the public part of KPN's documentation, and has never met the real service.
    """

    __module__ = "kpn_things"
    __slots__ = ("_caller",)

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    def devices(self, **options: Unpack[DeviceOptions]) -> AsyncItems[Item]:
        """Lists `/devices`."""
        return AsyncItems(self._caller, "/devices", Item, options)

    def device_groups(self, **options: Unpack[SearchOptions]) -> AsyncItems[Item]:
        """Lists `/device-groups`."""
        return AsyncItems(self._caller, "/device-groups", Item, options)

    def projects(self, **options: Unpack[SearchOptions]) -> AsyncItems[Project]:
        """Lists `/projects`."""
        return AsyncItems(self._caller, "/projects", Project, options)

    def downlinks(self, **options: Unpack[SearchOptions]) -> AsyncItems[ListedDownlink]:
        """Lists `/downlinks`, those of every connection."""
        return AsyncItems(self._caller, "/downlinks", ListedDownlink, options)

    def lora_downlinks(self, **options: Unpack[ConnectionOptions]) -> AsyncItems[ListedDownlink]:
        """Lists `/lora/downlinks`."""
        return AsyncItems(self._caller, "/lora/downlinks", ListedDownlink, options)

    def mqtt_downlinks(self, **options: Unpack[ConnectionOptions]) -> AsyncItems[ListedDownlink]:
        """Lists `/mqtt/downlinks`."""
        return AsyncItems(self._caller, "/mqtt/downlinks", ListedDownlink, options)

    def lora_bindings(self, **options: Unpack[BindingOptions]) -> AsyncItems[Item]:
        """Lists `/lora/bindings`."""
        return AsyncItems(self._caller, "/lora/bindings", Item, options)

    def http_bindings(self, **options: Unpack[BindingOptions]) -> AsyncItems[Item]:
        """Lists `/http/bindings`."""
        return AsyncItems(self._caller, "/http/bindings", Item, options)

    def mqtt_bindings(self, **options: Unpack[BindingOptions]) -> AsyncItems[Item]:
        """Lists `/mqtt/bindings`."""
        return AsyncItems(self._caller, "/mqtt/bindings", Item, options)


_PARAMETERS = {
    "created_since": "createdSince",
    "created_before": "createdBefore",
    "modified_since": "modifiedSince",
    "modified_before": "modifiedBefore",
    "q": "q",
    "client_id": "clientId",
    "project_id": "projectId",
    "barcode": "barcode",
    "device_specification_id": "deviceSpecificationId",
    "device_id": "deviceId",
}
"""The query parameter of each filter."""


def _query(path: str, options: dict[str, Any]) -> ResourceQuery:
    """The query of these options."""
    sort = options.pop("sort", None)
    limit = whole("limit", options.pop("limit", None))
    cursor = options.pop("cursor", None)
    times = [options.pop(name, None) for name in ("timeout", "deadline")]
    timeout, deadline = (
        None if value is None else number(name, value) for name, value in zip(("timeout", "deadline"), times)
    )
    filters: list[tuple[str, str]] = []
    for name, value in options.items():
        if name not in _PARAMETERS:
            raise TypeError(f"a listing got an unexpected keyword argument {name!r}")
        if value is not None:
            filters.extend((_PARAMETERS[name], one) for one in _values(name, value))
    if sort is not None and not isinstance(sort, str):
        sort = ",".join(texts("sort", sort))
    return ResourceQuery(
        path,
        filters,
        None if sort is None else text("sort", sort),
        limit,
        None if cursor is None else text("cursor", cursor),
        timeout,
        deadline,
    )


def _values(name: str, value: Any) -> list[str]:
    """The values of a filter."""
    if hasattr(value, "isoformat"):
        return [text(name, value.isoformat())]
    if name == "device_specification_id" and not isinstance(value, str):
        return texts(name, value)
    return [text(name, value)]

"""The tree of exceptions matches its documentation, and each error kind of the core has a place in it."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator

import pytest

import kpn_things
from kpn_things import _native, errors
from kpn_things.errors import _CLASSES, ApiError, DownlinkOutcomeUnknown, KpnThingsError


def walk(kind: type[KpnThingsError] = KpnThingsError) -> Iterator[type[KpnThingsError]]:
    """Yields a class, and all its subclasses in this package."""
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from walk(below)


ALL = list(walk())
LEAVES = [kind for kind in ALL if not set(walk(kind)) - {kind}]


def parent(kind: type[KpnThingsError]) -> str | None:
    """The parent class in the tree."""
    return next((base.__name__ for base in kind.__bases__ if issubclass(base, KpnThingsError)), None)


def foreign(kind: type[KpnThingsError]) -> str | None:
    """The builtin base class, if there is one."""
    return next((base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"), None)


def documented() -> dict[str, tuple[str | None, str | None]]:
    """The documented tree: for each class, its parent class and its builtin base class."""
    tree: dict[str, tuple[str | None, str | None]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.fullmatch(r"    ([ │├└─]*)(\w+Error|DownlinkOutcomeUnknown)\b[^(]*(?:\((\w+)\))?", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            tree[found[2]] = (path[depth - 1] if depth else None, found[3])
    return tree


def test_the_documented_tree_is_the_real_one() -> None:
    real = {kind.__name__: (parent(kind), foreign(kind)) for kind in ALL if kind is not KpnThingsError}
    assert documented() == {"KpnThingsError": (None, None), **real}


def test_all_of_it_is_public_under_both_names() -> None:
    names = {kind.__name__ for kind in ALL}
    assert names == set(errors.__all__)
    public = {name: getattr(kpn_things, name) for name in kpn_things.__all__}
    assert names == {name for name, value in public.items() if isinstance(value, type) and issubclass(value, Exception)}
    for name in names:
        assert getattr(kpn_things, name) is getattr(errors, name)


def test_each_kind_of_the_core_has_exactly_one_class() -> None:
    assert set(_CLASSES) == set(_native.ERROR_KINDS)
    assert len(set(_CLASSES.values())) == len(_native.ERROR_KINDS) == len(set(_native.ERROR_KINDS))


def test_each_leaf_is_the_class_of_exactly_one_kind() -> None:
    reached = list(_CLASSES.values())
    assert {leaf: reached.count(leaf) for leaf in LEAVES} == {**dict.fromkeys(LEAVES, 1), DownlinkOutcomeUnknown: 0}


def test_only_causes_and_no_groups_of_them_are_the_classes_of_kinds() -> None:
    assert set(ALL) - set(_CLASSES.values()) == {KpnThingsError, ApiError, DownlinkOutcomeUnknown}


@pytest.mark.parametrize("kind", ALL)
def test_each_class_is_documented_and_named_after_its_place(kind: type[KpnThingsError]) -> None:
    assert kind.__doc__
    assert kind.__name__.endswith("Error") or kind is DownlinkOutcomeUnknown
    assert kind.__module__ == "kpn_things.errors"


@pytest.mark.parametrize(
    ("builtin", "names"),
    [
        (builtins.TimeoutError, {"RequestTimeoutError", "DeadlineError"}),
        (builtins.ConnectionError, {"ConnectError", "ConnectionLostError"}),
        (builtins.PermissionError, {"AuthError", "ForbiddenError"}),
        (builtins.ValueError, {"ConfigError", "InputError", "DecodeError", "TooDeepError"}),
        (builtins.InterruptedError, set()),
    ],
)
def test_builtin_classes_catch_those_and_no_others(builtin: type[Exception], names: set[str]) -> None:
    assert {kind.__name__ for kind in ALL if issubclass(kind, builtin)} == names


def test_no_public_name_hides_a_builtin() -> None:
    assert not set(vars(builtins)) & set(kpn_things.__all__)

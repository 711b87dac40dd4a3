"""The stubs match the native part. This file compares the documentation, and mypy.stubtest the names and signatures."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kpn_things
from kpn_things import _native

STUBS = Path(kpn_things.__file__).with_name("_native.pyi")


def documented(node: ast.Module | ast.ClassDef, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str | None]]:
    """The names in the stubs, with their documentation."""
    for child in node.body:
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and not child.name.startswith("__"):
            yield ".".join([*path, child.name]), ast.get_docstring(child)
        if isinstance(child, ast.ClassDef):
            yield from documented(child, (*path, child.name))


def member(name: str) -> Any:
    found: Any = _native
    for part in name.split("."):
        found = getattr(found, part)
    return found


def words(text: str | None) -> list[str]:
    return (text or "").split()


def test_the_documentation_is_the_same_but_for_its_lines() -> None:
    stubs = dict(documented(ast.parse(STUBS.read_text(encoding="utf-8"))))
    assert len(stubs) > 70
    assert {name: words(text) for name, text in stubs.items()} == {name: words(member(name).__doc__) for name in stubs}


def test_every_class_and_function_has_stubs() -> None:
    stubs = {name for name, _ in documented(ast.parse(STUBS.read_text(encoding="utf-8")))}
    for name in dir(_native):
        thing = getattr(_native, name)
        if isinstance(thing, type):
            members = {f"{name}.{one}" for one in vars(thing) if not one.startswith("_")}
            assert {name, *members} <= stubs

"""Modules that `import kpn_things` loads. Modules for tests or for rare calls are loaded later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import kpn_things

PROGRAM = """
import os, sys  # `sys` is always loaded, and `os` nearly always
sys.path.append({package!r})
before = set(sys.modules)
import kpn_things
kpn_things.{cls}(tenant_id="t", key_id="k", key_secret="s")
print(*sorted(set(sys.modules) - before))
"""

OURS = {
    "kpn_things",
    "kpn_things._arguments",
    "kpn_things._async_client",
    "kpn_things._base",
    "kpn_things._calls",
    "kpn_things._client",
    "kpn_things._current",
    "kpn_things._customers",
    "kpn_things._diff",
    "kpn_things._events",
    "kpn_things._fields",
    "kpn_things._headers",
    "kpn_things._ledger",
    "kpn_things._listing",
    "kpn_things._native",
    "kpn_things._options",
    "kpn_things._run",
    "kpn_things._typing",
    "kpn_things.errors",
}

NEVER = {"logging", "inspect", "dataclasses", "decimal", "json", "asyncio", "ssl", "urllib", "difflib", "threading"}


@pytest.mark.parametrize("cls", ["Client", "AsyncClient"])
def test_a_client_is_made_with_few_modules(cls: str) -> None:
    package = str(Path(kpn_things.__file__).parents[1])
    # `-S` excludes the modules that `site` imports, because they differ between installations.
    command = [sys.executable, "-S", "-c", PROGRAM.format(package=package, cls=cls)]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    imported = set(output.split())
    assert {name for name in imported if name.startswith("kpn_things")} == OURS
    assert not imported & NEVER

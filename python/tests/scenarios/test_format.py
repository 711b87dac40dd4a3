"""The documentation of the scenario format, which both runners implement."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from .caller import AsyncCaller, BlockingCaller, Caller
from .driver import run
from .scenario import CORPUS, Call, Client, Reply, Request, Rule, Scenario, Server, Unordered

DOCUMENTATION = (CORPUS / "README.md").read_text(encoding="utf-8")
EXAMPLE = DOCUMENTATION.split("```json\n")[1].split("```")[0]


@pytest.mark.parametrize("kind", [BlockingCaller, AsyncCaller])
def test_the_example_holds(kind: type[Caller]) -> None:
    run(Scenario.parse("the example", EXAMPLE), kind)


@pytest.mark.parametrize("part", [Scenario, Client, Server, Rule, Reply, Call, Request, Unordered])
def test_the_fields_are_those_of_the_documentation(part: type[Any]) -> None:
    section = DOCUMENTATION.split(f"\n## {part.__name__}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {field.name for field in fields(part)} - {"name"} == documented


def test_a_field_that_is_not_known_is_refused() -> None:
    with pytest.raises(TypeError, match="pathe"):
        Scenario.parse("misspelt", EXAMPLE.replace('"path"', '"pathe"'))

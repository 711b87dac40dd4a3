"""All scenarios of the corpus, with `Client` and with `AsyncClient`."""

from __future__ import annotations

import pytest

from .caller import AsyncCaller, BlockingCaller, Caller
from .driver import run
from .scenario import CORPUS, Scenario

NAMES = sorted(path.stem for path in CORPUS.glob("*.json"))
CLIENTS = [pytest.param(BlockingCaller, id="client"), pytest.param(AsyncCaller, id="async_client")]


def test_the_corpus_is_there() -> None:
    assert NAMES


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str, kind: type[Caller]) -> None:
    run(Scenario.load(name), kind)

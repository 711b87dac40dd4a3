"""A hint is a note of the exception. Before Python 3.11, which has no notes, it ends the text."""

from __future__ import annotations

import pickle
import sys
import traceback
from collections.abc import Iterator

import pytest

from kpn_things import Client, ForbiddenError, errors
from kpn_things.testing import Simulator


@pytest.fixture
def client() -> Iterator[Client]:
    with Simulator(devices=1, faults=["devices=status:403"]) as simulator, simulator.client() as client:
        yield client


def forbidden(client: Client) -> ForbiddenError:
    with pytest.raises(ForbiddenError) as caught:
        client.devices().collect()
    return caught.value


if sys.version_info >= (3, 11):

    def test_a_hint_is_a_note(client: Client) -> None:
        error = forbidden(client)
        assert error.hint
        assert error.__notes__ == [f"hint: {error.hint}"]
        assert error.hint not in str(error)
        assert "".join(traceback.format_exception(error)).count(error.hint) == 1


def test_a_hint_is_in_the_text_where_python_has_no_notes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "HAS_NOTES", False)
    error = forbidden(client)
    assert error.hint
    assert str(error).endswith(f"; {error.hint}")
    for shown in "".join(traceback.format_exception(error)), str(pickle.loads(pickle.dumps(error))):
        assert shown.count(error.hint) == 1


def test_python_has_notes_since_3_11() -> None:
    assert errors.HAS_NOTES == (sys.version_info >= (3, 11))

"""The pytest plugin in a user's tests."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

PLUGIN = "kpn_things.pytest_plugin"

# An installed plugin is loaded automatically.
LOAD = () if any(point.value == PLUGIN for point in entry_points(group="pytest11")) else ("-p", PLUGIN)

PROGRAM = """
import os
import pytest
from kpn_things import Client
from kpn_things.testing import Simulator

def count():
    with Client.from_env() as client:
        return len(client.devices().collect())
"""


def run(pytester: pytest.Pytester, source: str, *arguments: str) -> pytest.RunResult:
    """Runs a user's test file."""
    pytester.makepyfile(PROGRAM + source)
    return pytester.runpytest_inprocess("--strict-markers", "-W", "error", *LOAD, *arguments)


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's environment, with an account that no test must use."""
    monkeypatch.setenv("KPN_THINGS_TENANT_ID", "production")
    monkeypatch.setenv("KPN_THINGS_TOKEN_URL", "https://localhost:1/production")
    monkeypatch.setenv("KPN_THINGS_CUSTOMER_ID", "production")
    monkeypatch.setenv("KPN_THINGS_SECURITY_CONTEXT", "production")
    monkeypatch.setenv("KPN_THINGS_POSTMAN_ENVIRONMENT", "/nowhere/production.json")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")


def test_the_fixture_points_the_program_at_a_simulator(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_program(kpn_things_simulator):
    assert isinstance(kpn_things_simulator, Simulator)
    assert count() == kpn_things_simulator.device_count == 100
    assert kpn_things_simulator.calls("devices") > 0
        """,
    )
    result.assert_outcomes(passed=1)


def test_settings_of_the_machine_are_absent_during_a_test_and_back_after_it(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def ours():
    return {name: value for name, value in os.environ.items() if name.startswith("KPN_THINGS_")}

def test_before():
    assert os.environ["KPN_THINGS_TENANT_ID"] == "production"

def test_during(kpn_things_simulator):
    assert ours() == kpn_things_simulator.environment()

def test_after():
    assert os.environ["KPN_THINGS_TENANT_ID"] == "production"
    assert len(ours()) == 5
        """,
    )
    result.assert_outcomes(passed=3)


def test_the_marker_holds_options(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.kpn_things(devices=7, faults=["devices@1=status:503,Retry-After:0"])
def test_program(kpn_things_simulator):
    assert count() == 7
    assert kpn_things_simulator.calls("devices") == 2
        """,
    )
    result.assert_outcomes(passed=1)


def test_the_nearest_marker_goes_first(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
pytestmark = pytest.mark.kpn_things(devices=1, page_size_cap=1)

@pytest.mark.kpn_things(devices=2)
class TestProgram:
    @pytest.mark.kpn_things(devices=3)
    def test_function(self, kpn_things_simulator):
        assert count() == 3
        assert kpn_things_simulator.calls("devices") == 3

    def test_class(self):
        assert count() == 2

def test_module():
    assert count() == 1
        """,
    )
    result.assert_outcomes(passed=3)


def test_the_marker_alone_is_enough_and_goes_before_other_fixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
import unittest

@pytest.fixture(autouse=True)
def client():
    with Client.from_env() as client:
        yield client

@pytest.mark.kpn_things(devices=4)
@pytest.mark.parametrize("times", [1, 2])
def test_program(client, times):
    for _ in range(times):
        assert len(client.devices().collect()) == 4

@pytest.mark.kpn_things(devices=4)
def test_late(client, kpn_things_simulator):
    assert len(client.devices().collect()) == 4
    assert kpn_things_simulator.calls("devices") == 1

@pytest.mark.kpn_things(devices=5)
class TestCase(unittest.TestCase):
    def test_program(self):
        assert count() == 5
        """,
    )
    result.assert_outcomes(passed=4)


def test_every_test_has_a_simulator_of_its_own(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.mark.kpn_things(devices=2)
@pytest.mark.parametrize("number", [1, 2])
def test_program(kpn_things_simulator, number):
    kpn_things_simulator.add_device("one more")
    assert count() == 3
        """,
    )
    result.assert_outcomes(passed=2)


def test_the_fixture_can_be_used_by_other_fixtures(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
@pytest.fixture
def valve(kpn_things_simulator):
    return kpn_things_simulator.add_device("Valve 7")

def test_program(valve):
    with Client.from_env() as client:
        assert [device.uuid for device in client.devices(search="Valve 7")] == [valve]
        """,
    )
    result.assert_outcomes(passed=1)


def test_options_that_do_not_exist_are_named(pytester: pytest.Pytester) -> None:
    result = run(pytester, "@pytest.mark.kpn_things(device=7)\ndef test_program(): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*TypeError: Simulator.__init__() got an unexpected keyword argument 'device'*")


def test_options_without_names_are_refused(pytester: pytest.Pytester) -> None:
    result = run(pytester, "@pytest.mark.kpn_things(7)\ndef test_program(): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines("*takes options by their names, such as devices=3*")


def test_marker_and_fixture_are_in_the_help(pytester: pytest.Pytester) -> None:
    run(pytester, "", "--markers").stdout.fnmatch_lines("@pytest.mark.kpn_things(*options): *")
    run(pytester, "", "--fixtures").stdout.fnmatch_lines(["kpn_things_simulator *", "*simulator of KPN Things*"])

"""Subinterpreters, and interpreters without a GIL."""

from __future__ import annotations

import sys
import sysconfig

import pytest

from .program import Program


REFUSED = """
try:
    import kpn_things
except ImportError as error:
    print(error, flush=True)
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="modules can refuse other interpreters from Python 3.12 on")
def test_another_interpreter_of_the_process_gets_a_clear_error() -> None:
    module = "_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters"
    source = f"""
    import kpn_things
    import {module} as interpreters

    interpreter = interpreters.create()
    interpreters.run_string(interpreter, {REFUSED!r})
    interpreters.destroy(interpreter)
    print(kpn_things.Client.__name__)
    """
    with Program(source) as program:
        refused, name = program.finish()
    assert "does not support loading in subinterpreters" in refused
    assert name == "Client"


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL")
def test_without_a_gil_it_stays_off() -> None:
    with Program("import sys, kpn_things; assert not sys._is_gil_enabled()") as program:
        program.finish()

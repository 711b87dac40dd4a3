"""Strategies for generated examples, and the results that are allowed."""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
from collections.abc import Callable
from typing import Any

from behaviour.service import SECRET, TOKEN
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kpn_things import KpnThingsError

examples = settings(
    max_examples=int(os.environ.get("THINGS_EXAMPLES", "50")),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""Runs the same examples each time. `THINGS_EXAMPLES=10000` runs more of them."""

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
JSON = st.recursive(
    LEAVES,
    lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=8), some, max_size=4),
    max_leaves=8,
)
"""Any JSON value."""

ANYTHING = (
    JSON
    | st.integers()
    | st.floats()
    | st.binary(max_size=20)
    | st.characters().map(lambda char: char + "\ud800")
    | st.tuples(st.text(max_size=3), st.integers())
    | st.dictionaries(st.integers() | st.binary(max_size=3), st.none(), max_size=2)
    | st.builds(object)
    | st.just(float("nan"))
    | st.just(10**400)
)
"""Any Python value that JSON can hold, and some that it cannot."""

PIECES = st.sampled_from([SECRET, TOKEN, "invalid", " ", '"', "\\", "\x00"]) | st.text(max_size=5)
REPEATED = st.lists(PIECES, max_size=5).map("".join)
"""The text of a service that repeats what it received."""


def attempt(call: Callable[[], Any], hidden: tuple[str, ...] = (SECRET, TOKEN)) -> Any:
    """The result of a call, or the exception that it is allowed to raise. A panic is not allowed."""
    try:
        came = call()
        return asyncio.run(came) if inspect.iscoroutine(came) else came
    except KpnThingsError as error:
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
        shown = [str(error), repr(error), repr(vars(error)), *getattr(error, "__notes__", [])]
        assert not any(text in place for place in shown for text in hidden)
        return error
    except (TypeError, ValueError) as error:
        return error

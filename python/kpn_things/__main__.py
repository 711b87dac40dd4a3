"""`things`, and `python -m kpn_things`: the command line tool."""

from __future__ import annotations

import signal
import sys

from ._native import cli


def main() -> int:
    """Runs the tool with the arguments of this process."""
    # The tool waits outside Python, so Python's own handler would not run.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return cli(["things", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

"""The console that verbs print to."""

from __future__ import annotations

import sys

from rich.console import Console

_PIPED_WIDTH = 160


def console() -> Console:
    """As wide as the terminal; without one, wide enough that no table is cut in a log."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_PIPED_WIDTH)

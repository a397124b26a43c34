"""The console that verbs print to."""

from __future__ import annotations

import sys

from rich.console import Console

_PIPED_WIDTH = 160


class _PlainConsole(Console):
    """A console whose closed pipe is an error like any other: rich would end the process, and a campaign with it."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """As wide as the terminal; without one, wide enough that no table is cut in a log. Text is never markup."""
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    return _PlainConsole(highlight=False, markup=False, width=width)

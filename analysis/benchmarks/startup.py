"""How long the interpreter takes to import the package and to print its help."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from analysis.benchmarks.figures import Call, Line, medians


def start() -> Iterator[Line]:
    """Start times, against that of the interpreter alone."""
    commands = {
        "import aging": ("-c", "import aging"),
        "import aging, and open_results, so pandas": ("-c", "import aging; aging.open_results"),
        "aging --help": ("-m", "aging", "--help"),
    }
    runs = [_python(*arguments) for arguments in (("-c", "pass"), *commands.values())]
    bare, *ours = medians(*runs, clock=time.perf_counter)
    for what, wall in zip(commands, ours, strict=True):
        yield Line(what, wall * 1e3, "ms", wall / bare, f"python -c pass ({bare * 1e3:.3g} ms)")


def _python(*arguments: str) -> Call:
    return lambda: subprocess.run((sys.executable, *arguments), check=True, stdout=subprocess.DEVNULL)

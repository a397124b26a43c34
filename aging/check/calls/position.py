"""Where the process that calls a function is: for a call that does not return."""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

_SIGNAL = signal.SIGRTMAX - 1  # which no library uses
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
_SECONDS, _POLL_SECONDS = 1.0, 0.01
_SHOWN = 5
_MOST_BYTES = 1 << 16
_OWN = str(Path(__file__).parent)


def position_file() -> int:
    """A file in memory for the answer of a process that is forked later."""
    return os.memfd_create("aging")


def answer_with_position(file: int) -> None:
    """From now on this process answers :func:`asked_position`, also while it waits in C."""
    faulthandler.register(_SIGNAL, file=file, all_threads=False)


def asked_position(pid: int, file: int) -> list[str]:
    """``file:line in function``, the innermost first, at most five; empty where the process does not answer."""
    with suppress(ProcessLookupError):
        os.kill(pid, _SIGNAL)
    until, size = time.monotonic() + _SECONDS, -1
    while time.monotonic() < until and not 0 < os.fstat(file).st_size == size:
        size = os.fstat(file).st_size
        time.sleep(_POLL_SECONDS)
    frames: list[str] = []
    for name, line, function in _FRAME.findall(os.pread(file, _MOST_BYTES, 0).decode(errors="replace")):
        if name.startswith(_OWN):
            break
        frames.append(f"{name}:{line} in {function}")
    return frames[:_SHOWN]

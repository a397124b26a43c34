"""Functions that the tests of the worker call."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from aging.core.errors import InconclusiveError


def doubled(numbers: list[int]) -> list[int]:
    print("a library prints to standard output")  # noqa: T201
    return [2 * number for number in numbers]


def refused(reason: str) -> None:
    raise ValueError(reason)


def killed(_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def left(_: Any) -> None:
    os._exit(0)


def endless(started: str) -> None:
    Path(started).write_text(str(os.getpid()))
    time.sleep(3600)


def inconclusive(message: str) -> None:
    """An error of the package."""
    raise InconclusiveError(message)


def interrupted(_: Any) -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "not interrupted"

"""One function called in a fresh interpreter: its argument and its result travel as JSON.

Reading the samples of days must show neither in the memory of the process that measures nor in its event loop.
``python -m aging.core.worker MODULE:FUNCTION`` is the other side: the argument comes on standard input, the result
goes to standard output. What the function prints goes to standard error, so that no library spoils the result.
An error of the package is a result of its own kind: the caller raises it with the same message and exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from aging.core.blas_threads import one_thread
from aging.core.errors import AgingError, ExitCode
from aging.core.processes.child import describe_exit

_LINES = 5
"""Of a traceback the last ones name the error; the whole of it would fill a journal."""


class WorkerError(AgingError):
    """A worker process that ended without a result: its exit status (None where it was not started), its last lines."""

    exit_code = ExitCode.CRASHED

    def __init__(self, function: str, status: int | None, lines: tuple[str, ...]) -> None:
        self.status = status
        self.lines = lines
        how = "could not be started" if status is None else describe_exit(status)
        last = f": {lines[-1]}" if lines else ""
        super().__init__(f"the worker process of {function} failed ({how}){last}")

    @property
    def how(self) -> str:
        """How it ended, in words."""
        return "not started" if self.status is None else describe_exit(self.status)


class ReportedError(WorkerError):
    """An error of the package that the function raised: its message and its exit code, as if it were raised here."""

    def __init__(self, function: str, message: str, exit_code: int) -> None:
        super().__init__(function, exit_code, tuple(message.splitlines()))
        self.args = (message,)
        self.exit_code = ExitCode(exit_code)


async def call(function: Callable[[Any], Any] | str, argument: Any, *, shown: bool = False) -> Any:
    """The result of ``function(argument)``, which a process of its own has computed; both are JSON values.

    ``function`` is a module's own, so that it can be imported by its name, or that name, ``MODULE:FUNCTION``, where the
    caller must not import it. What it prints, and its trace where it crashes, is an error's ``lines``, or goes to the
    caller's standard error where that is to be ``shown``. Cancelling ends the process. Raises ReportedError for an
    error of the package, and WorkerError if the process ended without a result.
    """
    name = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__, name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if shown else asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise WorkerError(name, None, (str(error),)) from None
    try:
        result, errors = await process.communicate(json.dumps(argument).encode())
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            process.kill()
        await process.wait()
        raise
    try:
        answer = json.loads(result) if process.returncode == 0 else None
    except ValueError:  # it has ended itself with 0 before the result was written
        answer = None
    if answer is None:
        lines = (errors or b"").decode(errors="replace").splitlines()
        raise WorkerError(name, process.returncode, tuple(lines[-_LINES:]))
    if "error" in answer:
        raise ReportedError(name, answer["error"], answer["exit_code"])
    return answer["result"]


def main(name: str) -> None:
    """Compute one result, with one thread: the process that waits for it measures on this host."""
    one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to both; the other process ends this one
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as results:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        module, _, function = name.partition(":")
        answer: dict[str, Any]
        try:
            answer = {"result": getattr(import_module(module), function)(json.load(sys.stdin))}
        except AgingError as error:
            answer = {"error": str(error), "exit_code": int(error.exit_code)}
        json.dump(answer, results)


if __name__ == "__main__":
    main(sys.argv[1])

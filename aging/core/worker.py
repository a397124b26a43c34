"""Calls a function in a fresh interpreter, with argument and result as JSON.

So reading days of samples affects neither the memory nor the event loop of the measuring process.
``python -m aging.core.worker MODULE:FUNCTION`` is the other side: it reads the argument from standard input and
writes the result to standard output. Output of the function itself goes to standard error.
An error of the package travels as a result: the caller raises it with the same message and exit code.
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
from aging.core.parts import lacking
from aging.core.processes.child import describe_exit

_LINES = 5
"""Last lines of a traceback that are kept: they contain the error, and the journal stays small."""


class WorkerError(AgingError):
    """A worker process ended without a result; ``status`` is its exit status, None if it was not started."""

    exit_code = ExitCode.CRASHED

    def __init__(self, function: str, status: int | None, lines: tuple[str, ...]) -> None:
        self.status = status
        self.lines = lines
        how = "could not be started" if status is None else describe_exit(status)
        last = f": {lines[-1]}" if lines else ""
        super().__init__(f"the worker process of {function} failed ({how}){last}")

    @property
    def how(self) -> str:
        """Description of its end (``exit 3``)."""
        return "not started" if self.status is None else describe_exit(self.status)


class ReportedError(WorkerError):
    """An error of the package that the function raised, with its message and exit code."""

    def __init__(self, function: str, message: str, exit_code: int) -> None:
        super().__init__(function, exit_code, tuple(message.splitlines()))
        self.args = (message,)
        self.exit_code = ExitCode(exit_code)


async def call(function: Callable[[Any], Any] | str, argument: Any, *, shown: bool = False, niceness: int = 0) -> Any:
    """The result of ``function(argument)``, computed in a new process; both are JSON values.

    The modules of the working directory are not imported (``-P``): a user's ``json.py`` is not ours.
    ``function`` is a module-level function, or its name ``MODULE:FUNCTION`` if the caller must not import it. Its
    output, and its traceback if it crashes, are the ``lines`` of the error, or go to the caller's standard error if
    ``shown``. A process of more ``niceness`` gives way to those that measure. Cancelling ends the process. Raises
    ReportedError for an error of the package, and WorkerError if the process ends without a result.
    """
    name = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", __name__, name, str(niceness)),
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
    except ValueError:  # the function ended the process with status 0
        answer = None
    if answer is None:
        lines = (errors or b"").decode(errors="replace").splitlines()
        raise WorkerError(name, process.returncode, tuple(lines[-_LINES:]))
    if "error" in answer:
        raise ReportedError(name, answer["error"], answer["exit_code"])
    return answer["result"]


def main(name: str, niceness: int = 0) -> None:
    """Compute one result with one BLAS thread, since the parent measures on this host."""
    one_thread()
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to both; the other process ends this one
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as results:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        module, _, function = name.partition(":")
        answer: dict[str, Any]
        try:
            answer = {"result": getattr(import_module(module), function)(json.load(sys.stdin))}
        except AgingError as error:
            answer = {"error": str(error), "exit_code": int(error.exit_code)}
        except ModuleNotFoundError as error:
            needed = lacking(error)
            if needed is None:
                raise
            answer = {"error": str(needed), "exit_code": int(needed.exit_code)}
        json.dump(answer, results)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

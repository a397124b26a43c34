"""Calls a function in a fresh interpreter, with argument and result as JSON.

So reading days of samples affects neither the memory nor the event loop of the measuring process.
``python -m aging.core.worker MODULE:FUNCTION`` is the other side: it reads the argument from standard input and
writes the result to standard output. Output of the function itself goes to standard error.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from aging.core.blas_threads import one_thread
from aging.core.errors import AgingError, ExitCode
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


async def call(function: Callable[[Any], Any] | str, argument: Any) -> Any:
    """The result of ``function(argument)``, computed in a new process; both are JSON values.

    ``function`` is a module-level function, or its name ``MODULE:FUNCTION`` if the caller must not import it.
    Cancelling ends the process. Raises WorkerError if the process ends without a result.
    """
    name = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__, name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise WorkerError(name, None, (str(error),)) from None
    try:
        result, errors = await process.communicate(json.dumps(argument).encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    try:
        if process.returncode == 0:
            return json.loads(result)
    except ValueError:  # the function ended the process with status 0
        pass
    raise WorkerError(name, process.returncode, tuple(errors.decode(errors="replace").splitlines()[-_LINES:]))


def main(name: str) -> None:
    """Compute one result with one BLAS thread, since the parent measures on this host."""
    one_thread()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as results:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        module, _, function = name.partition(":")
        result = getattr(import_module(module), function)(json.load(sys.stdin))
        json.dump(result, results)


if __name__ == "__main__":
    main(sys.argv[1])

"""One function called in a fresh interpreter: its argument and its result travel as JSON.

Reading the samples of days must show neither in the memory of the process that measures nor in its event loop.
``python -m aging.core.worker MODULE:FUNCTION`` is the other side: the argument comes on standard input, the result
goes to standard output. What the function prints goes to standard error, so that no library spoils the result.
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


async def call(function: Callable[[Any], Any], argument: Any) -> Any:
    """The result of ``function(argument)``, which a process of its own has computed; both are JSON values.

    ``function`` is a module's own, so that it can be imported by its name. Cancelling ends the process. Raises
    WorkerError where the process ended without a result.
    """
    name = f"{function.__module__}:{function.__qualname__}"
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
    except ValueError:  # it has ended itself with 0 before the result was written
        pass
    raise WorkerError(name, process.returncode, tuple(errors.decode(errors="replace").splitlines()[-_LINES:]))


def main(name: str) -> None:
    """Compute one result, with one thread: the process that waits for it measures on this host."""
    one_thread()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as results:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        module, _, function = name.partition(":")
        result = getattr(import_module(module), function)(json.load(sys.stdin))
        json.dump(result, results)


if __name__ == "__main__":
    main(sys.argv[1])

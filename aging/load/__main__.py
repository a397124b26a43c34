"""``python -m aging.load``: the load process of one deployment.

Standard input: first the job, one JSON line; then one command a line: ``hold``,
``release GENERATION``, ``stop``. Standard output: one JSON event a line: ``started``
when it is ready for its job, ``resumed`` with the first request that it sends of a load that another process
had begun, ``pulse`` every second, ``full`` when records cannot be written,
``sealing_failed`` when a seal has failed, ``holding`` when nothing is in flight any more,
``finished`` with the hash of the schedule it drove and the number of records lost.
Whatever else is printed goes to standard error. When its input ends, whoever started it has died: it stops and drains
briefly.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from typing import Any


def run() -> None:
    """Take standard output for the events alone, before any import that may print, and drive the load."""
    say = claimed_output()
    from aging.load.process import main  # noqa: PLC0415 - see above

    asyncio.run(main(say))


def claimed_output() -> Callable[..., None]:
    """Writes an event to what was standard output; from here on that is standard error, for C libraries, too."""
    events = os.dup(1)
    os.dup2(2, 1)

    def say(event: str, **details: Any) -> None:
        # The reader may be gone; the records are on disk all the same.
        with contextlib.suppress(BrokenPipeError):
            os.write(events, (json.dumps({"event": event} | details) + "\n").encode())

    return say


if __name__ == "__main__":
    run()

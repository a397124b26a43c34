"""``python -m aging.load``: the load process of one deployment.

Standard input: first the job, one JSON line; then one command a line: ``hold SECONDS`` (arrivals wait),
``release GENERATION`` (they are sent, to that start of the server), ``redirect BASE_URL GENERATION`` (new requests go
to another address, those in flight finish where they are), ``cut GENERATION`` (those in flight to starts up to that
one are ended), ``stop``. Standard output: one JSON event a line: ``started``
when it is ready for its job, ``resumed`` with the first request that it sends of a load that another process
had begun, ``pulse`` every second, ``full`` when records cannot be written,
``sealing_failed`` when a seal has failed, ``holding`` when nothing is in flight any more or the seconds are over, with
the number that is ``left``, ``drained GENERATION`` when nothing is in flight to starts up to that one, ``cut`` with the
number of requests that were cut,
``finished`` with the hash of the schedule it drove and the number of records lost.
All other output goes to standard error. When its input ends, the runner has ended: the load process stops and
drains for a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from typing import Any


def run() -> None:
    """Reserve standard output for the events, before any import that may print, and drive the load."""
    send = claim_output()
    from aging.load.process import main  # noqa: PLC0415 - see above

    asyncio.run(main(send))


def claim_output() -> Callable[..., None]:
    """Return the writer of events to standard output, which becomes standard error for all else, C libraries too."""
    events = os.dup(1)
    os.dup2(2, 1)

    def send(event: str, **details: Any) -> None:
        # The reader may be gone; the records are on disk all the same.
        with contextlib.suppress(BrokenPipeError):
            os.write(events, (json.dumps({"event": event} | details) + "\n").encode())

    return send


if __name__ == "__main__":
    run()

"""One sampler in a thread of its own: what it raises or how long it hangs is its own readings' loss alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread

from aging.core.records import HARNESS, Reading
from aging.sampling.base import Sampler


class SamplerError(Exception):
    """The text of what a sampler raised."""


class SamplerThread:
    """One sampler in one daemon thread: unlike an executor's, it cannot keep the process from ending if it hangs."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._asked: SimpleQueue[Future[list[Reading]] | None] = SimpleQueue()
        Thread(target=self._serve, name=f"sampler-{sampler.kind}", daemon=True).start()

    def read(self) -> Future[list[Reading]]:
        """The readings, once they are there."""
        future: Future[list[Reading]] = Future()
        self._asked.put(future)
        return future

    def stop(self) -> None:
        """End the thread once it has answered what it was asked."""
        self._asked.put(None)

    def _serve(self) -> None:
        while (future := self._asked.get()) is not None:
            try:
                readings = list(self._sampler.read())
            except Exception as error:  # noqa: BLE001 - the campaign continues whatever a sampler raises
                future.set_exception(SamplerError(f"{type(error).__name__}: {error}"))
            else:
                future.set_result(readings)


async def within(pending: Future[list[Reading]], deadline: float, kind: str) -> tuple[list[Reading], str | None]:
    """The readings, or a missing one with the reason."""
    try:
        # Not wait_for: before Python 3.12 it loses a cancellation that comes as the answer does.
        async with asyncio.timeout(deadline):
            readings = await asyncio.shield(asyncio.wrap_future(pending))
    except TimeoutError:
        reason = f"the {kind} sampler did not answer within {deadline:g} s"
    except SamplerError as error:
        reason = str(error)
    else:
        return readings, None
    return nothing(reason), reason


def nothing(reason: str) -> list[Reading]:
    """A reading without values, with the reason."""
    return [Reading(HARNESS, "sampler", 1, {}, {"sampler": reason})]

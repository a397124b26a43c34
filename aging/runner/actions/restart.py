"""Restart: arrivals are held, requests in flight finish, the server stops and starts again."""

from __future__ import annotations

import time

from aging.campaign.schema import RejuvenationOptions
from aging.core.errors import DeploymentError
from aging.runner.actions.base import ActionError, Done
from aging.runner.run import ActiveRun


class Restart:
    """Drain, stop, start, ready by a completed request; arrivals wait until then."""

    async def carry_out(self, run: ActiveRun, options: RejuvenationOptions) -> Done:  # noqa: ARG002 - drain
        server, load_process = run.server, run.load_process
        began = time.monotonic()
        if load_process is not None:
            await load_process.hold()
        drained = time.monotonic()
        await server.stop()
        stopped = time.monotonic()
        try:
            await server.start()
        except DeploymentError as error:  # the journal has the death; the follower ends the load
            raise ActionError(str(error), serving=False, held_seconds=time.monotonic() - began) from None
        if load_process is not None:
            load_process.release(server.generation)
        ready = time.monotonic()
        stages = {"drain": drained - began, "stop": stopped - drained, "start": ready - stopped}
        return Done(held_seconds=ready - began, stages=stages)

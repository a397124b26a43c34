"""Restart: arrivals are held, requests in flight finish, the server stops and starts again."""

from __future__ import annotations

from aging.campaign.schema import RejuvenationOptions
from aging.core.errors import DeploymentError
from aging.runner.actions.base import ActionError, Done, Occasion, Stages
from aging.runner.actions.warm_up import warmed_up
from aging.runner.run import ActiveRun

_WARM_UP_SECONDS = 5.0
"""At most: arrivals wait, and each waits longer for the warm-up than it would for a slow first answer."""


class Restart:
    """Drain, stop, start, ready by a completed request, warm-up; arrivals wait until then."""

    async def carry_out(self, run: ActiveRun, options: RejuvenationOptions, occasion: Occasion) -> Done:  # noqa: ARG002
        server, stages = run.server, Stages()
        cut = await run.hold(options.drain)
        stages.end("drain")
        if server.died.is_set():  # its own death ends the load
            raise ActionError(
                f"the server died before it was stopped: {server.death}",
                serving=False,
                held_seconds=stages.total,
                cut=cut,
            )
        await server.stop(to_restart=True)
        stages.end("stop")
        try:
            await server.start(probe=run.loaded)
        except DeploymentError as error:  # the journal has the death; the follower ends the load
            why = str(error).removeprefix(f"{server.name}: ")
            raise ActionError(why, serving=False, held_seconds=stages.total, cut=cut) from None
        stages.end("start")
        figures = await warmed_up(run, server.endpoint, _WARM_UP_SECONDS)
        stages.end("warm-up")
        run.release()
        return Done(stages.total if run.loaded else 0.0, cut, stages.seconds, figures)

"""External: a command or an address of the user's rejuvenates the server; its end and its return are followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aging.campaign.schema import RejuvenationOptions
from aging.core.errors import DeploymentError
from aging.deployments.hooks import HookFacts, run_hook
from aging.runner.actions.base import ActionError, Done, Occasion, Stages
from aging.runner.run import ActiveRun

_ENDS_WITHIN_SECONDS = 10.0
"""After the hook: the stop of a service returns before its process has ended."""

_POLL_SECONDS = 0.1


class External:
    """The hook receives the server and the reason. Of a server that the campaign did not start, the process that takes
    the place of the one that ends is the next generation; arrivals wait until it answers.
    """

    async def carry_out(self, run: ActiveRun, options: RejuvenationOptions, occasion: Occasion) -> Done:
        server, stages = run.server, Stages()
        follows = not server.deployment.options.owned
        facts = HookFacts(server.name, next(iter(server.pids), None), server.generation, "external", occasion.reason)
        before, cut = server.generation, 0
        if follows:
            cut = await run.hold(options.drain)
            stages.end("drain")
        server.expect_end(expected=follows)
        try:
            result = await run_hook(
                facts, options.action_timeout, command=options.command, url=options.url, folder=server.deployment.base
            )
            stages.end("hook")
            if follows:
                await _followed(run, before, stages.began + options.action_timeout)
                stages.end("return")
            if server.died.is_set():
                raise ActionError(f"the server died: {server.death}", serving=False)
            if not result.ok:
                raise ActionError(result.message, serving=True)
        except ActionError as error:
            error.held_seconds, error.cut = stages.total if follows and run.loaded else 0.0, cut
            raise
        finally:
            if server.generation == before:
                server.expect_end(expected=False)
            if follows and not server.died.is_set():
                run.release()
        return Done(stages.total if follows and run.loaded else 0.0, cut, stages.seconds)


async def _followed(run: ActiveRun, before: int, deadline: float) -> None:
    """Wait for the end of the process, if it comes, and for the one that takes its place. Raises ActionError."""
    server = run.server
    first = min(deadline, time.monotonic() + _ENDS_WITHIN_SECONDS)
    if not await _until(lambda: server.ended or server.generation != before, first):
        return  # the hook has done something else
    try:
        async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
            if run.loaded:
                returned = await server.come_back(probe=True)
            else:  # an observation follows its process by itself
                returned = await _until(lambda: server.generation != before and server.age is not None, deadline)
    except TimeoutError:
        returned = False
    except DeploymentError as error:
        raise ActionError(str(error), serving=False) from None
    if not returned:
        server.lost()
        raise ActionError(f"no process has taken the place of generation {before}", serving=False)


async def _until(condition: Callable[[], bool], deadline: float) -> bool:
    """Whether the condition holds before monotonic time ``deadline``."""
    while not condition():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True

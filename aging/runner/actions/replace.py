"""Replace: a successor starts beside the server, warms up, takes the load; the server drains and is stopped."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from aging.campaign.schema import RejuvenationOptions
from aging.core.errors import DeploymentError
from aging.core.tasks import run_unless
from aging.runner.actions.base import ActionError, Done, Occasion, Stages
from aging.runner.actions.room import too_little_room
from aging.runner.actions.warm_up import warmed_up
from aging.runner.run import ActiveRun
from aging.runner.server import Server

_WARM_UP_SECONDS = 60.0

T = TypeVar("T")


class Replace:
    """No arrival waits. Until the load is redirected the server serves, and whatever fails leaves it as it was."""

    async def carry_out(self, run: ActiveRun, options: RejuvenationOptions, occasion: Occasion) -> Done:
        server, stages = run.server, Stages()
        if (why := too_little_room(server, occasion.levels)) is not None:
            raise ActionError(f"a second server would not fit beside it: {why}", serving=True)
        try:
            successor = await _while_serving(server, server.start_beside())
            stages.end("start")
            figures = await _while_serving(server, _warmed_up(run, successor.endpoint))
        except DeploymentError as error:
            why = str(error).removeprefix(f"{server.name}: ")
            raise ActionError(f"its successor did not start, and it serves on: {why}", serving=True) from None
        if successor.died.is_set():
            await server.end_beside()
            raise ActionError(f"its successor died, and it serves on: {successor.death}", serving=True)
        stages.end("warm-up")
        server.switch()
        run.redirect()
        cut = await run.drained(options.drain)
        stages.end("drain")
        await server.end_beside()
        stages.end("stop")
        return Done(cut=cut, stages=stages.seconds, figures=figures)


async def _warmed_up(run: ActiveRun, endpoint: Any) -> Mapping[str, float]:
    return await warmed_up(run, endpoint, _WARM_UP_SECONDS)


async def _while_serving(server: Server, doing: Coroutine[Any, Any, T]) -> T:
    """The result of ``doing``. Raises ActionError, without a successor, if the server dies before."""
    result = await run_unless(server.died, doing)
    if result is None:
        await server.end_beside()
        raise ActionError(f"the server died while its successor started: {server.death}", serving=False)
    return result

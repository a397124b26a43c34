"""What a runtime offers without a restart: the allocator's trim, and calls to the server's own address."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import psutil

from aging.campaign.schema import RejuvenationOptions
from aging.core.malloc_probe import trim
from aging.deployments.actions import Offer
from aging.deployments.hooks import call_all
from aging.runner.actions.base import ActionError, Done, Occasion, Stages
from aging.runner.run import ActiveRun
from aging.runner.server import Server


class Offered:
    """Carries out the offer of a runtime by the name of the action."""

    async def carry_out(self, run: ActiveRun, options: RejuvenationOptions, occasion: Occasion) -> Done:  # noqa: ARG002
        server, stages = run.server, Stages()
        offer = server.deployment.offered().get(options.action)
        if offer is None:
            raise ActionError(f"{server.name} does not offer {options.action!r}", serving=True)
        cut = 0
        if offer.quiet:
            cut = await run.hold(options.drain)
            stages.end("drain")
        died = ActionError(f"the server died: {server.death}", serving=False, cut=cut)
        try:
            if server.died.is_set():
                raise died
            figures = await _done(server, offer, options.action_timeout)
        except OSError as error:
            raise ActionError(str(error), serving=True, held_seconds=stages.total, cut=cut) from None
        except ActionError as error:
            error.held_seconds, error.cut = stages.total if offer.quiet else 0.0, cut
            raise
        finally:
            if offer.quiet and not server.died.is_set():
                run.release()
        stages.end(options.action)
        held = stages.total if offer.quiet and run.loaded else 0.0
        return Done(held, cut, stages.seconds, figures)


async def undo(server: Server, action: str, within: float) -> None:
    """Bring a server back from an action that another runner had begun, as far as its runtime can."""
    offer = server.deployment.offered().get(action)
    if offer is not None and offer.undo and server.endpoint is not None:
        await call_all(offer.undo, server.endpoint.base_url, within)


async def _done(server: Server, offer: Offer, within: float) -> dict[str, float]:
    began, figures = time.monotonic(), {}
    if offer.trims:
        released = await asyncio.to_thread(trim, await asyncio.to_thread(_family, server.pids), within)
        if not released:
            raise ActionError(f"no process of {server.name} has the allocator probe", serving=True)
        figures["trimmed_bytes"] = float(sum(released.values()))
    if offer.calls and server.endpoint is not None:
        left = max(within - (time.monotonic() - began), 0.0)
        result = await call_all(offer.calls, server.endpoint.base_url, left)
        if not result.ok:
            await call_all(offer.undo, server.endpoint.base_url, within)
            raise ActionError(result.message, serving=not server.died.is_set())
    return figures


def _family(roots: Sequence[int]) -> Sequence[int]:
    family = []
    for root in roots:
        try:
            family += [root, *(child.pid for child in psutil.Process(root).children(recursive=True))]
        except psutil.Error:
            continue
    return family

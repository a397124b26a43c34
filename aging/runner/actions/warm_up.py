"""The warm-up of a server that has just started, as figures of an action."""

from __future__ import annotations

from collections.abc import Mapping

from aging.core.endpoint import Endpoint
from aging.runner.run import ActiveRun


async def warmed_up(run: ActiveRun, endpoint: Endpoint | None, within: float) -> Mapping[str, float]:
    """Warm the server at ``endpoint`` up with requests like those of the run's load; empty without a load."""
    done = await run.warm_up(endpoint, within)
    if done is None:
        return {}
    p99 = {} if done.ttft_p99 is None else {"warmup_ttft_p99_seconds": round(done.ttft_p99, 6)}
    return {"warmup_requests": float(done.requests), "warmup_steady": float(done.steady), **p99}

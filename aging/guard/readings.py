"""The samplers of a guard: those of a campaign, at a calm interval, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from aging.core.records import Reading
from aging.core.targets import Targets
from aging.sampling.base import Sampler
from aging.sampling.nvml_library import why_missing
from aging.sampling.reader import SamplerThread, within
from aging.sampling.samplers.cgroup import CgroupSampler
from aging.sampling.samplers.limits import LimitsSampler
from aging.sampling.samplers.process import ProcessSampler

_LIMITS_SECONDS = 30.0
_SCRAPE_SECONDS = 10.0
_DEADLINE_SECONDS = 5.0


@dataclass(slots=True)
class _Plan:
    sampler: Sampler
    thread: SamplerThread
    interval: float
    due: float
    pending: Future[list[Reading]] | None = None
    failing: str | None = None


class Readings:
    """Reads what is due; a sampler that hangs costs its own readings."""

    def __init__(self, targets: Targets, interval: float, now: float, *, metrics: bool) -> None:
        seldom = max(interval, _LIMITS_SECONDS)
        plans: list[tuple[Sampler, float]] = [
            (ProcessSampler(targets), interval),
            (LimitsSampler(targets), seldom),
            (CgroupSampler(targets), seldom),
        ]
        if metrics:
            from aging.sampling.samplers.engine import EngineSampler  # noqa: PLC0415 - 8 MB, where there are metrics

            plans.append((EngineSampler(targets), max(interval, _SCRAPE_SECONDS)))
        if why_missing() is None:
            from aging.sampling.samplers.device import DeviceSampler  # noqa: PLC0415 - where there is a GPU's driver

            plans.append((DeviceSampler(targets), seldom))
        self._plans = [_Plan(sampler, SamplerThread(sampler), each, now) for sampler, each in plans]
        for plan in self._plans:
            plan.sampler.interval = plan.interval

    async def due(self, now: float) -> tuple[Sequence[Reading], Sequence[str]]:
        """The readings that are due at monotonic time ``now``, and what has begun to fail or works again, in words."""
        found: list[Reading] = []
        said: list[str] = []
        for plan in self._plans:
            if now < plan.due or (plan.pending is not None and not plan.pending.done()):
                continue
            plan.due = max(plan.due + plan.interval, now)
            plan.pending = plan.thread.read()
            readings, reason = await within(plan.pending, _DEADLINE_SECONDS, plan.sampler.kind)
            found += [one for one in readings if one.values]
            if reason is not None and plan.failing is None:
                said.append(f"The {plan.sampler.kind} sampler fails: {reason}")
            elif reason is None and plan.failing is not None:
                said.append(f"The {plan.sampler.kind} sampler reads again")
            plan.failing = reason
        return found, said

    def stop(self) -> None:
        """End the threads."""
        for plan in self._plans:
            plan.thread.stop()

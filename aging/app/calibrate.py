"""Calibration carried out: each deployment alone, its load process at one rate after another.

The servers run from a folder that goes when this is done, whatever ends it; only what was found stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from aging.campaign.schema import Campaign
from aging.core.errors import DeploymentError, InconclusiveError, needed, writing
from aging.core.processes.logs import tail
from aging.deployments.base import DeploymentBase
from aging.findings.saturation import LEAST_REQUESTS, Ceiling, Limits, Step, search, step_of
from aging.load.job import Job
from aging.load.schedule.classes import classes_of
from aging.runner.free_ports import FreePorts, named_ports
from aging.runner.keeper_client import KeeperClient
from aging.runner.load_process import LoadProcess
from aging.runner.server import Server
from aging.store.layout import Layout
from aging.store.reader import read_rows

_LEAD_SECONDS = 0.5
_SETTLES_IN = 2.0
"""The window begins after this many times an answer: before, requests only come in."""

_DRAIN_SECONDS = 2.0

TellStep = Callable[[str, Step], object]


@dataclass(frozen=True, slots=True)
class Windows:
    """Seconds that each rate is measured for, and seconds before that in which the server settles, at least."""

    step: float = 20.0
    settle: float = 5.0


async def calibrate(
    campaign: Campaign, deployments: Sequence[DeploymentBase[Any]], windows: Windows, limits: Limits, tell: TellStep
) -> list[Ceiling]:
    """The ceiling of every deployment under the campaign's load, one after the other, each alone on the machine.

    Raises :class:`DeploymentError` for a server that does not start or dies, and
    :class:`InconclusiveError` for a load process that ends before its load does.
    """
    ceilings = []
    with contextlib.closing(FreePorts(named_ports(campaign))) as ports:
        for deployment in deployments:
            async with _served(deployment, ports) as (serving, layout):
                measuring = _Measuring(campaign, serving, layout, windows, tell)
                ceilings.append(await search(serving.name, measuring.measure, limits))
    return ceilings


@asynccontextmanager
async def _served(deployment: DeploymentBase[Any], ports: FreePorts) -> AsyncIterator[tuple[Server, Layout]]:
    with TemporaryDirectory(prefix="aging-calibrate-") as folder:
        layout = Layout(Path(folder))
        layout.journal.touch()  # nothing to tell; the keeper that ends what we leave when we are killed looks there
        patience = getattr(deployment.options, "stop_timeout", 0.0)
        keeping = KeeperClient(layout.root, 0.0, patience, lambda _: None)
        serving = Server(deployment, 1, layout, lambda _: None, ports.of(deployment.options.name))
        await keeping.start()
        try:
            await serving.start()
            yield serving, layout
        finally:
            await serving.stop()
            await keeping.goodbye()


class _Measuring:
    """Drives one deployment at the rates that the search asks for."""

    def __init__(self, campaign: Campaign, serving: Server, layout: Layout, windows: Windows, tell: TellStep) -> None:
        self._campaign, self._serving, self._layout, self._windows, self._tell = (
            campaign,
            serving,
            layout,
            windows,
            tell,
        )
        self._load = needed(campaign.load, "the load of a campaign that is calibrated")
        self._steps = 0
        self._answer_seconds = 0.0

    async def measure(self, rate: float) -> Step:
        """Drive one rate until its window is over."""
        self._steps += 1
        settle = max(self._windows.settle, _SETTLES_IN * self._answer_seconds)
        window = max(self._windows.step, LEAST_REQUESTS / rate)
        folder = self._layout.root / f"step-{self._steps}"
        load_start = await self._drive(rate, settle + window, folder)
        requests = read_rows(folder, None).table.to_pandas()
        if requests.empty:
            raise InconclusiveError(f"{self._serving.name}: no request was sent in {settle + window:.0f} s")
        begin = load_start + settle
        step = step_of(self._open(requests), rate, begin, begin + window)
        if step.saturated is None and step.e2e_p50 is not None:
            self._answer_seconds = step.e2e_p50
        self._tell(self._serving.name, step)
        return step

    def _open(self, requests: pd.DataFrame) -> pd.DataFrame:
        """Those that have a rate: a closed loop sends as many as are answered, whatever is asked of it."""
        closed = [each.name for each in classes_of(self._load) if each.arrivals.places() is not None]
        return requests[~requests["load_class"].isin(closed)] if closed else requests

    async def _drive(self, rate: float, seconds: float, folder: Path) -> float:
        """Drive ``rate`` for so long; the monotonic time that it began at. What is unanswered then is given up."""
        endpoint = needed(self._serving.endpoint, f"the endpoint of {self._serving.name}")
        with writing(self._layout.root):
            log = (self._layout.root / "load.log").open("ab")
        with log:
            driver = await LoadProcess.start(self._layout.root, log)
            load_start = time.monotonic() + _LEAD_SECONDS
            job = Job(
                endpoint=endpoint,
                load=self._load.model_copy(update={"drain": _DRAIN_SECONDS}),
                rate=rate,
                seed=self._campaign.seed,
                duration=seconds,
                load_start=load_start,
                folder=folder,
            )
            try:
                driver.begin(job)
                await self._until_over(driver)
            finally:
                await asyncio.shield(driver.kill())
        return load_start

    async def _until_over(self, driver: LoadProcess) -> None:
        name = self._serving.name
        load, death = asyncio.create_task(driver.wait()), asyncio.create_task(self._serving.died.wait())
        try:
            await asyncio.wait({load, death}, return_when=asyncio.FIRST_COMPLETED)
            if death.done():
                raise DeploymentError(f"{name} died while it was calibrated; its ceiling is not known")
            if load.result() != 0 or driver.finished is None:
                said = "".join(f"\n  | {line}" for line in tail(self._layout.root / "load.log"))
                why = "" if driver.failure is None else f": {driver.failure}"
                raise InconclusiveError(f"{name}: its load process ended with {load.result()}{why}{said}")
        finally:
            for task in (load, death):
                task.cancel()
            await asyncio.gather(load, death, return_exceptions=True)
